// `npm run crash`: every operation of the lifecycle, killed, cut off and failed at its every step; a table of what came of it.
// Exit 1 where anything but the old state or the new one was found.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { cannotTrace } from './boundary.ts'
import { badOf, campaign, KINDS, type Kind, type Row } from './campaign.ts'
import { cannotMakeDisk } from './disk.ts'
import { openEstate } from './estate.ts'
import { OPERATIONS } from './operations.ts'

/** Real kills, of all operations together. */
const KILLS = 2000
/** Power cuts and faults of each kind, of one operation. Each costs a second, and the boundaries in between are much alike. */
const MOMENTS = 40
/** After one moment in so many the command is given again, which costs as much as the moment. */
const AGAIN = 5
const USAGE = `usage: npm run crash -- [--only TEXT]... [--kind ${KINDS.join(',')}] [--kills N] [--moments N] [--seed S]

operations: ${OPERATIONS.map(({ name }) => name).join('; ')}`

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const asked = options()
// What is mounted by then goes with the process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const cannot = process.geteuid?.() === 0 ? await cannotTrace() : 'only root starts sandboxes and mounts disks'
if (cannot !== false) {
  process.stderr.write(`crash: cannot begin: ${cannot}\n`)
  process.exit(1)
}
process.exitCode = await all()

async function all(): Promise<number> {
  const { kinds, operations, seed } = asked
  const wanted: Readonly<Record<Kind, number>> = {
    still: Number.POSITIVE_INFINITY,
    kill: Math.ceil(asked.kills / operations.length),
    power: cannotMakeDisk === false ? asked.moments : 0,
    ENOSPC: asked.moments,
    EROFS: asked.moments,
    EIO: asked.moments,
    SIGINT: asked.moments,
  }
  if (kinds.includes('power') && cannotMakeDisk !== false) say(`crash: no power cuts: ${cannotMakeDisk}`)
  const moments = (_: unknown, kind: Kind): number => (kinds.includes(kind) ? wanted[kind] : 0)
  const log = (line: string): void => say(`crash: ${line}`)
  log(`seed ${seed}; the same moments again: npm run crash -- --seed ${seed}`)
  const began = performance.now()
  const estate = await openEstate()
  const rows = await campaign(estate, { operations, moments, seed, again: AGAIN, log })
  const count = rows.reduce((sum, row) => sum + row.moments.length, 0)
  const bad = rows.flatMap(badOf).length
  say(`\n${table(rows)}\n`)
  log(`${count.toLocaleString('en')} moments in ${((performance.now() - began) / 1000).toFixed(0)} s, ${bad} bad`)
  return bad === 0 && count > 0 ? 0 : 1
}

/** Operation by kind: at how many moments it was interrupted, and how many of them were bad. */
function table(rows: readonly Row[]): string {
  const kinds = KINDS.filter((kind) => rows.some((row) => row.kind === kind))
  const cell = (row: Row | undefined): string => {
    if (row === undefined) return '-'
    const bad = badOf(row).length
    return bad === 0 ? `${row.moments.length}` : `${row.moments.length} (${bad} bad)`
  }
  const names = [...new Set(rows.map(({ operation }) => operation))]
  const lines = [
    ['moments', ...kinds],
    ...names.map((name) => [
      name,
      ...kinds.map((kind) => cell(rows.find((row) => row.operation === name && row.kind === kind))),
    ]),
  ]
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0))) ?? []
  return lines
    .map((cells) =>
      cells
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        kind: { type: 'string', default: KINDS.join(',') },
        kills: { type: 'string', default: `${KILLS}` },
        moments: { type: 'string', default: `${MOMENTS}` },
        seed: { type: 'string', default: `${randomInt(1, 2 ** 31)}` },
      },
    })
    const kinds = values.kind.split(',').filter(Boolean) as Kind[]
    const unknown = kinds.find((kind) => !KINDS.includes(kind))
    if (unknown !== undefined) throw new Error(`cannot do "${unknown}": no such kind`)
    const operations = OPERATIONS.filter(
      ({ name }) => values.only.length === 0 || values.only.some((text) => name.includes(text)),
    )
    if (operations.length === 0) throw new Error(`cannot find "${values.only.join('", "')}": no operation is called so`)
    const number = (name: 'kills' | 'moments' | 'seed'): number => {
      if (!/^[1-9]\d{0,9}$/.test(values[name])) throw new Error(`cannot take --${name} ${values[name]}: no number`)
      return Number(values[name])
    }
    return { kinds, operations, kills: number('kills'), moments: number('moments'), seed: number('seed') }
  } catch (error) {
    process.stderr.write(`crash: ${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}
