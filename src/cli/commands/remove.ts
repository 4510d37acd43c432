import { openManager, type Removal, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { ongoing } from '../progress.ts'

export interface RemoveFlags {
  readonly purge?: boolean
  readonly yes?: boolean
  readonly hooks?: boolean
  readonly dryRun?: boolean
}

/** One after the other, what needs others before those; one that cannot be removed ends it. */
export async function remove(settings: Settings, io: Io, names: readonly string[], flags: RemoveFlags) {
  const purge = flags.purge === true
  if (purge && flags.yes !== true && flags.dryRun !== true) await assertAgreed(io, names)
  await using manager = await openManager(homeOf(settings))
  const { hooks, dryRun } = flags
  const removed = await ongoing(settings, io, async (going) => {
    const done: Removal[] = []
    for (const name of await manager.removalOrder(names)) {
      done.push(await manager.remove(name, { purge, hooks, dryRun, besides: names, ...going }))
    }
    return done
  })
  if (settings.json) {
    const [only] = removed
    return void io.stdout(`${JSON.stringify(removed.length === 1 ? only : removed, null, 2)}\n`)
  }
  for (const one of removed) io.stdout(`${sentence(one, dryRun === true, purge)}\n`)
}

async function assertAgreed(io: Io, names: readonly string[]): Promise<void> {
  const what = names.join(', ')
  const answer = await io.confirm(`Delete ${what} and all ${names.length === 1 ? 'its' : 'their'} data?`)
  if (answer === null) {
    throw new UsageError('CONSENT_NEEDED', `cannot ask whether to delete the data of ${what}: there is no terminal`, {
      hint: '--yes agrees',
    })
  }
  if (!answer) throw new UsageError('CONSENT_REFUSED', `cannot go on: removing ${what} was declined`)
}

function sentence(removed: Removal, isDryRun: boolean, isPurge: boolean): string {
  const kept = [
    ...(removed.dataKept ? [`its data stays in ${removed.data}`] : []),
    ...(removed.logsKept ? [`its logs stay in ${removed.logs}`] : []),
  ]
  const what = removed.version === null ? `the data of ${removed.name}` : `${removed.name} ${removed.version}`
  const gone = isDryRun && isPurge ? ['its data, its logs and its user id would go too'] : []
  return [`${isDryRun ? 'would remove' : 'removed'} ${what}`, ...kept, ...gone].join('; ')
}
