import { openManager, type Provenance } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { table } from '../text.ts'

/** `plugins info --signers`: of one plugin, or of all. */
export async function provenance(settings: Settings, io: Io, name: string | undefined) {
  await using manager = await openManager(homeOf(settings))
  const all = await manager.provenance(name ?? null)
  if (settings.json) return void io.stdout(`${JSON.stringify(all, null, 2)}\n`)
  if (all.length === 0) {
    if (!settings.quiet) io.stderr('no plugin is installed\n\nhint: plugins install X.tgz\n')
    return
  }
  const header = ['NAME', 'VERSION', 'STATE', 'VERIFIED', 'POLICY', 'RUNS', 'PRINCIPAL', 'SIGNED BY']
  io.stdout(table(header, all.flatMap(rowsOf), io.columns))
}

/** A row per signer; what is of the release stands in the first. */
function rowsOf(one: Provenance): string[][] {
  const verified = new Date(one.verifiedAtMs).toISOString().slice(0, 10)
  const release = [one.name, one.version, one.state, verified, one.policyDigest.slice(0, 12), `${one.running.length}`]
  const who = [
    ...one.signers.map(({ id, principal }) => [principal === null || principal === id ? '-' : principal, id]),
    ...one.countersigners.map(({ id, principal }) => [principal ?? '-', `countersigned: ${id}`]),
  ]
  if (who.length === 0) return [[...release, '-', 'nobody']]
  return who.map((cells, index) => [...(index === 0 ? release : release.map(() => '')), ...cells])
}
