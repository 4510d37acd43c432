import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { BWRAP } from './stage.ts'

/** What the figures depend on, in the words a reader compares machines by. */
export function machine(folder: string): Record<string, string | number> {
  const processors = cpus()
  return {
    processor: `${processors.length} × ${processors[0]?.model.trim() ?? process.arch}`,
    kernel: release(),
    node: process.versions.node,
    bwrap: existsSync(BWRAP) ? said(BWRAP, '--version').replace('bubblewrap ', '') : 'none',
    files: said('df', '--output=fstype', folder).split('\n').at(-1) ?? '',
    load: load(),
  }
}

/** Over the last minute, so that a reader can tell a quiet machine from a busy one. */
export const load = (): number => Number(loadavg()[0]?.toFixed(2))

const said = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8' }).trim()
