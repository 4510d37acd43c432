import { CallError } from '../../core/errors.ts'
import { keyedCount, statusOf } from '../proc.ts'
import { plainIdentity } from './credentials.ts'
import { GoPlugin, type ReattachConfig } from './go-plugin.ts'
import type { GrpcLibrary } from './grpc-library.ts'
import { PluginFolder } from './plugin-folder.ts'

export interface Reopening {
  readonly config: ReattachConfig
  /** The launcher of the run that goes on, by this host's records. */
  readonly launcherPid: number
  readonly grpc: GrpcLibrary
  readonly startTimeoutMs: number
  readonly maxMessageBytes: number
}

/** A second connection to a plugin that somebody else has started. @throws CallError */
export async function reopenGoPlugin(reopening: Reopening): Promise<GoPlugin> {
  const { config, launcherPid, grpc, startTimeoutMs, maxMessageBytes } = reopening
  const gone = () =>
    new CallError('PLUGIN_ENDED', `cannot reattach to ${config.name}: process ${config.pid} is not of its run`)
  // The number is somebody's word; that it belongs to the run is not.
  const init = parentOf(config.pid)
  if (init === null || parentOf(init) !== launcherPid) throw gone()
  const { folder, pid } = PluginFolder.open(config.name, init)
  try {
    if (pid !== config.pid) throw gone()
    const options = { grpc, identity: plainIdentity(grpc), folder, reattach: config, maxMessageBytes }
    return await GoPlugin.connect({ ...options, isMutual: false, run: null }, startTimeoutMs)
  } catch (error) {
    folder.close()
    throw error
  }
}

const parentOf = (pid: number): number | null =>
  Number.isInteger(pid) && pid > 0 ? keyedCount(statusOf(pid), 'PPid:') : null
