// `npm run fuzz`: a night's worth of inputs for everything that parses, findings below test/fuzz/findings. Exit 1 for any.
import { randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { campaign, type Finding, fuzz, type Plan } from './campaign.ts'
import { fuzzLauncher } from './launcher.ts'
import { TARGETS } from './targets.ts'

/** More than the 200,000 of a night: what they take is minutes. */
const INPUTS = 250_000
const LAUNCHER_MINUTES = 5
const HANG_MS = 30_000
/** Of what a finding says; its file has the rest. */
const SHOWN = 600
const NAMES = TARGETS.map(({ name }) => name)
const USAGE = `usage: npm run fuzz -- [--inputs N] [--minutes M] [--seed S] [--only ${NAMES.join(',')}] [--replay FILE] [--launcher]`

const asked = options()
const seed = asked.seed ?? randomInt(1, 2 ** 31)
const plan: Plan = {
  seed,
  // Of a time alone, the time decides.
  inputs: asked.inputs ?? (asked.minutes === undefined ? INPUTS : Number.MAX_SAFE_INTEGER),
  ms: asked.minutes === undefined ? Number.MAX_SAFE_INTEGER : asked.minutes * 60_000,
  table: join(import.meta.dirname, 'targets.ts'),
  findings: join(import.meta.dirname, 'findings'),
  hangMs: HANG_MS,
  log: (line) => process.stdout.write(`fuzz: ${line}\n`),
}
process.exitCode = asked.launcher
  ? await launcher()
  : asked.replay === undefined
    ? await all()
    : await again(asked.replay)

function launcher(): number {
  return fuzzLauncher({
    seconds: (asked.minutes ?? LAUNCHER_MINUTES) * 60,
    seed,
    findings: plan.findings,
    log: plan.log,
  })
}

async function all(): Promise<number> {
  plan.log(`seed ${seed}; the same inputs again: npm run fuzz -- --seed ${seed}`)
  const began = performance.now()
  const targets = TARGETS.filter(({ name }) => asked.only.length === 0 || asked.only.includes(name))
  const results = await campaign(targets, plan)
  const findings = results.flatMap((result) => result.findings)
  const inputs = results.reduce((sum, { tally }) => sum + tally.inputs, 0)
  plan.log(
    `${inputs.toLocaleString('en')} inputs in ${((performance.now() - began) / 1000).toFixed(0)} s, ${findings.length} findings`,
  )
  return told(findings)
}

async function again(replay: string): Promise<number> {
  const [target] = asked.only
  const job = { table: plan.table, seed, inputs: 1, ms: plan.ms, guided: true, replay }
  const { tally, findings } = await fuzz({ ...job, target: target as string }, plan)
  if (findings.length === 0) plan.log(tally.accepted > 0 ? 'accepted' : 'refused as it should be')
  return told(findings)
}

function told(findings: readonly Finding[]): number {
  for (const { target, fault, file } of findings)
    process.stdout.write(`\n${target}: ${fault.oracle}: ${fault.what.slice(0, SHOWN)}\n  ${file}\n`)
  return findings.length === 0 ? 0 : 1
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        inputs: { type: 'string' },
        minutes: { type: 'string' },
        seed: { type: 'string' },
        only: { type: 'string', default: '' },
        replay: { type: 'string' },
        launcher: { type: 'boolean', default: false },
      },
    })
    const only = values.only.split(',').filter(Boolean)
    const unknown = only.find((name) => !NAMES.includes(name))
    if (unknown !== undefined) throw new Error(`cannot fuzz "${unknown}": no such target`)
    const replay = values.replay && resolve(values.replay)
    if (replay !== undefined && only.length !== 1) throw new Error('cannot replay without --only TARGET')
    if (replay !== undefined && !existsSync(replay)) throw new Error(`cannot replay ${replay}: there is no such file`)
    const number = (name: 'inputs' | 'minutes' | 'seed'): number | undefined => {
      const text = values[name]
      if (text === undefined) return undefined
      if (!/^\d+(?:\.\d+)?$/.test(text) || Number(text) === 0)
        throw new Error(`cannot take --${name} ${text}: no number`)
      return Number(text)
    }
    return {
      inputs: number('inputs'),
      minutes: number('minutes'),
      seed: number('seed'),
      only,
      replay,
      launcher: values.launcher,
    }
  } catch (error) {
    process.stderr.write(`fuzz: ${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}
