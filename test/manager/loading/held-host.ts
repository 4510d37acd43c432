// A host application of an ordinary user: holds what it is given at its entry, and lets it go with arguments.
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { openManager } from '../../../src/index.ts'
import { childrenOf } from './descendants.ts'

const [home = '', tarball = '', key = '', ...more] = process.argv.slice(2)
// Nobody has given this user a cgroup, a range of ids or a quota, so what these hold is gone without, by name.
const weaker = ['uid', 'memory', 'processes', 'data-quota', ...more]
const said: unknown[] = []
let waiting: number[]
{
  await using plugins = await openManager({ home })
  await plugins.trust.add(key, { pattern: 'acme/*' })
  const { name } = await plugins.install(tarball, { consent: () => true })
  await using pool = await plugins.warm(name, { weaker, at: 'entry', size: 2 })
  const [first] = await plugins.ps()
  process.kill(first?.pid ?? 0, 'SIGSTOP')
  for (const word of ['one', 'two']) {
    const one = await pool.spawn({ args: [word] })
    one.stdin?.end()
    const [stdout, stderr] = await Promise.all([text(one.stdout as never), text(one.stderr as never)])
    said.push([stdout, stderr, (await one.wait()).code])
  }
  for (let tries = 0; (await pool.stats()).waiting < 2 && tries < 400; tries++)
    await new Promise((done) => setTimeout(done, 25))
  waiting = (await plugins.ps()).flatMap(({ pid }) => [pid ?? 0, ...childrenOf(pid ?? 0)])
}
await new Promise((done) => setTimeout(done, 300))
process.stdout.write(JSON.stringify({ said, waiting: waiting.length, left: waiting.filter(isAlive).length }))

function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
