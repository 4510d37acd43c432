import { openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { ongoing } from '../progress.ts'

export interface RollbackFlags {
  readonly to?: string
  readonly keepData?: boolean
  readonly dryRun?: boolean
  readonly restart?: boolean
}

export async function rollback(settings: Settings, io: Io, name: string, flags: RollbackFlags) {
  await using manager = await openManager(homeOf(settings))
  const done = await ongoing(settings, io, (going) => manager.rollback(name, { ...flags, ...going }))
  if (settings.json) return void io.stdout(`${JSON.stringify(done, null, 2)}\n`)
  const { version, replaced, skipped, data, dataOfMs, isDryRun } = done
  const verb = isDryRun ? 'would roll back' : 'rolled back'
  const moment = dataOfMs === null ? '' : ` of ${new Date(dataOfMs).toISOString()}`
  const fate = data === 'restored' ? `its data is that${moment}` : 'its data stays as it is'
  io.stdout(`${verb} ${done.name} from ${replaced} to ${version}; ${fate}\n`)
  if (settings.quiet || isDryRun || skipped === null) return
  io.stderr(`\nit is not updated to ${skipped} again unless you name it: plugins update ${done.name} --to ${skipped}\n`)
}
