// A relay that was taken over lies about how much it has moved, with numbers that no reader of a report takes. What a run
// came to is told all the same.

import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import { parseReport } from '../../../src/runtime/report.ts'
import { eventually, needsRoot } from '../../runtime/launcher/launch.ts'
import { startWith } from '../../runtime/network/outside.ts'

if (needsRoot !== false) console.log(`skipped: ${needsRoot}`)

const read = (pid: number, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it is gone
  }
}

const childrenOf = (launcher: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => read(pid, 'status').includes(`PPid:\t${launcher}\n`))

/** The one page that relay and launcher share, where the relay counts. */
const pageOf = (pid: number): number | null => {
  const [, at] = /^([0-9a-f]+)-[0-9a-f]+ rw-s .*\/dev\/zero \(deleted\)$/m.exec(read(pid, 'maps')) ?? []
  return at === undefined ? null : Number.parseInt(at, 16)
}

for (const bytes of [2n ** 53n, 2n ** 63n + 5n, 2n ** 64n - 1n]) {
  test(`an outcome with ${bytes} relayed bytes is an outcome`, { skip: needsRoot }, async () => {
    const run = startWith({ allow: ['example.com:443'] }, ['wait', '0'], { stdio: ['pipe', 'pipe', 'pipe'] })
    const { pid: init } = await run.started
    const helpers = childrenOf(run.process.pid as number).filter((pid) => pid !== init)
    await eventually(() => helpers.every((pid) => read(pid, 'status').includes('State:\tS')))
    const relay = helpers.find((pid) => pageOf(pid) !== null)
    assert.ok(relay !== undefined, 'a process of the network has the page')
    const memory = openSync(`/proc/${relay}/mem`, 'r+')
    const number = Buffer.alloc(8)
    number.writeBigUInt64LE(bytes)
    writeSync(memory, number, 0, 8, pageOf(relay))
    closeSync(memory)
    run.process.stdin?.end('\n')
    const { report } = await run.result
    const parsed = parseReport(Buffer.from(report))
    assert.equal(parsed?.outcome.outcome, 'exited')
    assert.equal(parsed?.outcome.usage.networkBytes, Number.MAX_SAFE_INTEGER, 'as much as can be told')
  })
}
