import { StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import type { OpenRun } from '../store/index.ts'
import type { Host } from './host.ts'

/** Runs that go on, oldest first; of one plugin, or of all. */
export function liveRuns({ store }: Pick<Host, 'store'>, name: PluginName | null): OpenRun[] {
  return store.runs
    .open()
    .filter(({ alive, run }) => alive && (name === null || run.name === name))
    .sort((a, b) => a.run.startedAtMs - b.run.startedAtMs)
}

/** The launcher's process while it lives: `pid:starttime:bootid` in the row. */
export function launcherOf({ supervisor }: OpenRun): { readonly pid: number; readonly start: string } | null {
  const [pid, start] = supervisor?.split(':') ?? []
  return pid === undefined || start === undefined ? null : { pid: Number(pid), start }
}

/** Was it ever here? What was removed is remembered, and its runs and logs may still be looked at. */
export function assertKnown({ store }: Pick<Host, 'store'>, name: PluginName, verb: string): void {
  if (store.find(name) !== null || store.runs.history(name, 1).length > 0) return
  throw new StoreError('NOT_INSTALLED', `cannot ${verb} ${name}: it is not installed`, { hint: 'plugins list' })
}
