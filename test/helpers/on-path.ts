import { spawnSync } from 'node:child_process'

/** For `skip`: why a test that needs this program cannot be run here, or `false`. */
export const onPath = (program: string): string | false =>
  spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0 && `there is no ${program} here`
