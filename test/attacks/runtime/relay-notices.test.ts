// A relay that was taken over writes what it likes to the launcher, which runs as root. A yes or no of 0xff was the index of
// a place 255 numbers behind the two that the launcher counts in: what it wrote there is seen by what it did not count.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { readJournal } from '../../../src/runtime/journal.ts'
import { compile, eventually, needsRoot, scratch } from '../../runtime/launcher/launch.ts'
import { startWith } from '../../runtime/network/outside.ts'

const skip =
  needsRoot || (process.arch !== 'x64' && 'a process is taken over by writing its registers, here those of x86-64')
if (skip !== false) console.log(`skipped: ${skip}`)

/** A C file with what it includes of ours in its place: the attacker knows the form of what the launcher reads. */
const whole = (path: string): string =>
  readFileSync(path, 'utf8').replace(/^#include "(.*)"$/gm, (_, name: string) => whole(join(dirname(path), name)))

/** More than the launcher tells one by one. */
const COUNT = 1500

const statusOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return '' // it is gone
  }
}

test('the launcher counts each decision it is told of, whatever form it comes in', { skip }, async () => {
  const program = compile(whole(join(import.meta.dirname, 'notices.c')))
  // A host that does not read its report in time loses lines of it, which are in the file all the same.
  const journal = join(scratch(), 'journal')
  const add = [['journal-file', journal] as const]
  const run = startWith({ allow: ['example.com:443'] }, ['wait', '0'], { stdio: ['pipe', 'pipe', 'pipe'], add })
  const { pid: init } = await run.started
  const [, relay = 0] = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== init && statusOf(pid).includes(`PPid:\t${run.process.pid}\n`))
    .sort((one, other) => one - other)
  await eventually(() => statusOf(relay).includes('State:\tS'))
  assert.equal(execFileSync(program, [`${relay}`, `${COUNT}`], { encoding: 'utf8' }), 'yes\n')
  run.process.stdin?.end('\n')
  const { ended } = await run.result
  assert.equal(ended?.outcome, 'exited')
  const { lines } = readJournal(readFileSync(journal))
  const told = lines.flatMap((line) => (line.event === 'network' && line.verdict === 'allowed' ? [line.count] : []))
  assert.equal(
    told.reduce((sum, count) => sum + count, 0),
    COUNT,
  )
})
