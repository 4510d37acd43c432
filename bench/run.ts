// `npm run bench`: how long everything takes beside what people would use instead, each pair measured in turn in one run.
// It prints figures and never fails because of one: whether a goal was met is for a reader to judge on a quiet machine.
import { writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { calls } from './calls.ts'
import { cliRun } from './cli-run.ts'
import { install } from './install.ts'
import { launcher } from './launcher.ts'
import { libraryRun } from './library-run.ts'
import { lifecycle } from './lifecycle.ts'
import { list } from './list.ts'
import { load, machine } from './machine.ts'
import { many } from './many.ts'
import { memory } from './memory.ts'
import { policy } from './policy.ts'
import { preload } from './preload.ts'
import { relay } from './relay.ts'
import { soak } from './soak.ts'
import { Stage } from './stage.ts'
import { startup } from './startup.ts'
import { type Row, renderTable } from './table.ts'
import { treeCheck } from './tree-check.ts'
import { verify } from './verify.ts'
import { warm } from './warm.ts'

/**
 * In the order of DESIGN §9; those that start a sandbox are left out where there can be none, and those that take minutes
 * unless they are asked for.
 */
const GROUPS = [
  { name: 'launcher', measure: launcher, needs: 'bwrap' },
  { name: 'library-run', measure: libraryRun, needs: 'bwrap' },
  { name: 'preload', measure: preload, needs: 'root' },
  { name: 'cli-run', measure: cliRun, needs: 'bwrap' },
  { name: 'calls', measure: calls, needs: 'root' },
  { name: 'warm', measure: warm, needs: 'root' },
  { name: 'install', measure: install, needs: null },
  { name: 'tree-check', measure: treeCheck, needs: null },
  { name: 'memory', measure: memory, needs: 'root' },
  { name: 'relay', measure: relay, needs: 'root' },
  { name: 'list', measure: list, needs: null },
  { name: 'lifecycle', measure: lifecycle, needs: null },
  { name: 'verify', measure: verify, needs: null },
  { name: 'policy', measure: policy, needs: null },
  { name: 'startup', measure: startup, needs: null },
  { name: 'many', measure: many, needs: 'root', long: true },
  { name: 'soak', measure: soak, needs: 'root', long: true },
] as const

const USAGE = `usage: npm run bench -- [--short] [--json FILE] [--only NAME | --many | --soak]...   (${GROUPS.map(({ name }) => name).join(', ')})`

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]))

const asked = options()
const stage = await Stage.open({ short: asked.short })
const began = performance.now()
const before = machine(stage.folder)
const rows: Row[] = []
for (const { name, measure, needs } of GROUPS.filter(isAsked)) {
  const lack = needs === null ? null : needs === 'root' ? stage.noRoot : stage.noBwrap
  if (lack !== null) {
    stage.note(`${name}: left out, ${lack}`)
    continue
  }
  const started = performance.now()
  rows.push(...(await measure(stage)))
  process.stderr.write(`bench: ${name}, ${seconds(started)}\n`)
}
await stage.close()
const host = { ...before, 'load at the end': load() }

process.stdout.write(`\n${renderTable(rows)}\n`)
process.stdout.write(
  `Medians; p10–p90 is the ratio's, round by round. ${Object.entries(host)
    .map((pair) => pair.join(' '))
    .join(', ')}\n`,
)
for (const note of stage.notes) process.stdout.write(`${note}\n`)
process.stdout.write(`Measured in ${seconds(began)}${asked.short ? ' (--short: few rounds, smaller work)' : ''}\n`)
if (asked.json !== undefined)
  writeFileSync(asked.json, `${JSON.stringify({ rows, host, notes: stage.notes }, null, 2)}\n`)

function isAsked(group: (typeof GROUPS)[number]): boolean {
  return asked.only.length === 0 ? !('long' in group) : asked.only.includes(group.name)
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

function options(): { readonly short: boolean; readonly json: string | undefined; readonly only: readonly string[] } {
  try {
    const { values } = parseArgs({
      options: {
        short: { type: 'boolean' },
        json: { type: 'string' },
        only: { type: 'string', multiple: true },
        many: { type: 'boolean' },
        soak: { type: 'boolean' },
      },
    })
    const long = (['many', 'soak'] as const).filter((name) => values[name])
    const only = [...(values.only ?? []), ...long]
    const unknown = only.find((name) => !GROUPS.some((group) => group.name === name))
    if (unknown !== undefined) throw new Error(`cannot measure "${unknown}": no such group of rows`)
    return { short: values.short === true, json: values.json && resolve(values.json), only }
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}
