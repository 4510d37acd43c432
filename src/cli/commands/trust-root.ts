import { basename } from 'node:path'
import { openManager } from '../../index.ts'
import type { Io } from '../io.ts'
import { homeOf, type Settings } from '../options.ts'
import { plain, record, table } from '../text.ts'

export async function rootAdd(settings: Settings, io: Io, file: string, options: { name?: string }) {
  await using manager = await openManager(homeOf(settings))
  const added = await manager.roots.add(file, options.name ?? nameOf(file))
  if (settings.json) return void io.stdout(`${JSON.stringify(added, null, 2)}\n`)
  io.stdout(
    record([
      ['root', added.name],
      ['sha256', added.digest],
    ]),
  )
  sayNotes(settings, io, added.notes)
  if (settings.quiet) return
  io.stderr(
    `\nwhom its authorities vouch for is yours to say: plugins trust add --keyless --root ${added.name} --issuer URL --identity SAN --for 'NAMESPACE/*'\n`,
  )
}

/** `acme.trusted_root.json` and `acme.json` are called acme. */
const nameOf = (file: string): string => basename(file).replace(/(?:[._-]trusted[._-]root)?\.json$/, '')

export async function rootList(settings: Settings, io: Io) {
  await using manager = await openManager(homeOf(settings))
  const roots = await manager.roots.list()
  if (settings.json) return void io.stdout(`${JSON.stringify(roots, null, 2)}\n`)
  io.stdout(
    table(
      ['NAME', 'FROM', 'SHA256'],
      roots.map(({ name, source, digest }) => [name, source === 'home' ? 'this host' : 'Bulkhead', digest]),
      io.columns,
    ),
  )
}

export async function rootRemove(settings: Settings, io: Io, name: string) {
  await using manager = await openManager(homeOf(settings))
  const removed = await manager.roots.remove(name)
  if (settings.json) return void io.stdout(`${JSON.stringify(removed, null, 2)}\n`)
  io.stdout(`removed ${plain(name)}\n`)
  sayNotes(settings, io, removed.notes)
}

function sayNotes(settings: Settings, io: Io, notes: readonly string[]): void {
  if (!settings.quiet) for (const note of notes) io.stderr(`note: ${plain(note)}\n`)
}
