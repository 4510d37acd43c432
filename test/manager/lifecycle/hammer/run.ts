// `npm run hammer`: many processes at work on one home. Exit 1 for anything that should not have happened.
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { figures, hammer, sentencesIn } from './hammer.ts'

const USAGE = 'usage: npm run hammer -- [--seconds N] [--processes N] [--seed S] [--kills] [--sentences]'
const say = (line: string) => process.stdout.write(`hammer: ${line}\n`)
const plan = options()
const cleanUps: (() => unknown)[] = []
say(`${plan.processes} processes, ${plan.seconds} s, seed ${plan.seed}`)
try {
  const result = await hammer({ after: (work) => void cleanUps.push(work as () => unknown) }, plan)
  for (const line of figures(result)) say(line)
  if (plan.sentences) for (const line of sentencesIn(result)) say(line)
  const longest = Math.max(...result.struck.map(({ ms }) => ms))
  say(`${result.struck.length} operations, the longest ${Math.round(longest)} ms, ${result.faults.length} faults`)
  for (const fault of result.faults) process.stdout.write(`\n${fault}\n`)
  process.exitCode = result.faults.length === 0 ? 0 : 1
} finally {
  for (const cleanUp of cleanUps) await cleanUp()
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        seconds: { type: 'string', default: '120' },
        processes: { type: 'string', default: '8' },
        kills: { type: 'boolean', default: false },
        sentences: { type: 'boolean', default: false },
        seed: { type: 'string', default: `${randomInt(1, 2 ** 31)}` },
      },
    })
    const number = (name: 'seconds' | 'processes' | 'seed'): number => {
      const text = values[name]
      if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
      throw new Error(`cannot take --${name} ${text}: no number`)
    }
    return {
      seconds: number('seconds'),
      processes: number('processes'),
      seed: number('seed'),
      kills: values.kills,
      sentences: values.sentences,
    }
  } catch (error) {
    process.stderr.write(`hammer: ${(error as Error).message}\n${USAGE}\n`)
    process.exit(2)
  }
}
