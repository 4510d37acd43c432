import { spawnSync } from 'node:child_process'

/** 50,000 entries with names of a kilobyte. */
const OUTPUT_MAX = 128 * 2 ** 20
const PATIENCE_MS = 60_000

/** Runs the launcher's `--seal` over a folder; `null` whenever that does not work, and then every file is hashed. */
export function walkSeal(launcher: string, packageDir: string): Buffer | null {
  const { status, stdout } = spawnSync(launcher, ['--seal', packageDir], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {},
    maxBuffer: OUTPUT_MAX,
    timeout: PATIENCE_MS,
  })
  return status === 0 && stdout.length > 0 ? stdout : null
}
