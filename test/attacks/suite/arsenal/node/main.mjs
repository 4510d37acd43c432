// The attacker in Node: `each NAME ARG… -- NAME ARG… -- …` tries one attack after the other and prints what came of it;
// `alone NAME ARG…` is for those that end a run.
import * as hosts from './hosts.mjs'
import * as limits from './limits.mjs'

const PATIENCE_MS = 20_000
const attacks = { ...hosts, ...limits }

/** What an attack returns is evidence, and so means yes; `null` is a plain no. */
async function attempt([name, ...args]) {
  const late = Promise.withResolvers()
  const timer = setTimeout(() => late.resolve(undefined), PATIENCE_MS)
  try {
    const evidence = await Promise.race([attacks[name](...args), late.promise])
    if (evidence === undefined) return 'no answer'
    return evidence === null ? 'no' : `yes ${evidence}`.trim()
  } catch (error) {
    const { code, message } = error.cause ?? error
    return `no ${code ?? message.split('\n')[0]}`
  } finally {
    clearTimeout(timer)
  }
}

const [how, ...words] = process.argv.slice(2)
if (how === 'alone') {
  const [name] = words
  console.log(name === 'stand' ? await attacks.stand() : await attempt(words))
} else {
  const groups = [[]]
  for (const word of words) word === '--' ? groups.push([]) : groups.at(-1).push(word)
  for (const [number, group] of groups.entries()) console.log(`${number}\t${await attempt(group)}`)
}
process.exit(0)
