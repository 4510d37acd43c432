import { StoreError } from '../core/errors.ts'
import type { PluginName } from '../core/name.ts'
import type { Host } from './host.ts'
import { stop } from './stopping.ts'

/** Ends everything that runs of a plugin, so that whoever started it starts the version that comes. Gives how many. */
export async function endRuns(host: Host, name: PluginName): Promise<number> {
  try {
    return (await stop(host, name)).length
  } catch (error) {
    if (error instanceof StoreError && error.code === 'NOT_RUNNING') return 0
    throw error
  }
}

/** The same for what runs of another version than this one. */
export async function endOthers(host: Host, name: PluginName, version: string): Promise<number> {
  let ended = 0
  for (const { run, alive } of host.store.runs.open()) {
    if (!alive || run.name !== name || run.version === version) continue
    try {
      ended += (await stop(host, name, { run: run.id })).length
    } catch (error) {
      // It has ended by itself meanwhile.
      if (!(error instanceof StoreError) || error.code !== 'NOT_RUNNING') throw error
    }
  }
  return ended
}
