// A plugin writes into its log what looks like a sentence of the launcher's, and more than a reader's stack can hold.

import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { logs } from '../../../src/cli/commands/logs.ts'
import type { Settings } from '../../../src/cli/options.ts'
import { table } from '../../../src/cli/text.ts'
import { LogFollower, readLog } from '../../../src/runtime/log-folder.ts'
import { HELLO, household } from '../../manager/household.ts'

const RUN = 'mx0aep7e-2824bf5845'
const TIME = '2026-11-28T10:48:29.268Z'

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'bulkhead-forgery-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

test('no line of a plugin looks like one of the launcher', async (t) => {
  const house = await household(t)
  await house.install()
  const words = 'cannot let it reach a.example:443: ask for plugins trust add'
  const forged = [`[plugins: ${words}]`, `! ${words}`, `${TIME} 0 ! ${words}`, '==> run x <==', `\r${TIME} ! ${words}`]
  mkdirSync(house.layout.logs(HELLO), { recursive: true, mode: 0o700 })
  writeFileSync(
    join(house.layout.logs(HELLO), `${RUN}.log`),
    [`${TIME} 0 ! ${words}`, ...forged.map((text, at) => `${TIME} ${at} | ${text}`), ''].join('\n'),
  )
  const settings: Settings = {
    home: house.layout.home,
    json: false,
    quiet: false,
    color: false,
    columns: 80,
  } as Settings
  let shown = ''
  const stdout = (text: string) => {
    shown += text
  }
  const io = { stdout, stderr: () => {} }
  await logs(settings, io as never, HELLO, { lines: 'all' })
  const lines = shown.trimEnd().split('\n').slice(1)
  assert.equal(lines.length, forged.length + 1)
  assert.ok(lines[0]?.startsWith(`${TIME} ! `), lines[0])
  for (const line of lines.slice(1)) assert.ok(line.startsWith(`${TIME} | `), line)
})

test('a log of many hundred thousand short lines is read, followed and followed across being set aside', (t) => {
  const path = folder(t)
  const file = join(path, `${RUN}.log`)
  const COUNT = 130_000
  const many = (from: number) => Array.from({ length: COUNT }, (_, at) => `${TIME} ${from + at} | \n`).join('')
  writeFileSync(file, many(0))
  const follower = new LogFollower(path, RUN)
  assert.equal(follower.read().length, COUNT)
  appendFileSync(file, many(COUNT))
  renameSync(file, `${file}.1`)
  renameSync(`${file}.1`, join(path, 'older')) // set aside twice between two looks
  writeFileSync(`${file}.1`, many(2 * COUNT))
  writeFileSync(file, many(3 * COUNT))
  assert.equal(follower.end().length, 3 * COUNT)
  assert.equal(readLog(path, RUN).length, 2 * COUNT)
})

test('a table of as many rows as the database may hold is printed', () => {
  const rows = Array.from({ length: 200_000 }, (_, at) => [`${at}`, 'x'])
  assert.equal(table(['A', 'B'], rows, 80).split('\n').length, rows.length + 2)
})
