import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { LOGS_OF_A_PLUGIN_MAX, LogFollower, logsIn, pruneLogs, readLog } from '../../src/runtime/log-folder.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-logs-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes as the launcher does: a file, and the one that was set aside before it. */
function writer(folder: string, run: string) {
  const path = join(folder, `${run}.log`)
  let position = 0
  return {
    say(text: string, mark = '|') {
      appendFileSync(path, `2026-11-21T06:34:29.123Z ${position} ${mark} ${text}\n`)
      position += text.length + (mark === '|' ? 1 : 0)
    },
    setAside: () => renameSync(path, `${path}.1`),
  }
}

const texts = (entries: readonly { text: string }[]) => entries.map(({ text }) => text)

test('a log that was set aside comes before what was written since', (t) => {
  const folder = folderOf(t)
  const log = writer(folder, 'r')
  log.say('one')
  log.setAside()
  log.say('two')
  log.say('thr', '+')
  assert.deepEqual(texts(readLog(folder, 'r')), ['one', 'two', 'thr'])
  assert.deepEqual(readLog(folder, 'none'), [])
})

test('whoever follows a log loses no line when its file is set aside, once or twice between two looks', (t) => {
  const folder = folderOf(t)
  const log = writer(folder, 'r')
  const follower = new LogFollower(folder, 'r')
  assert.deepEqual(follower.read(), [])
  log.say('one')
  assert.deepEqual(texts(follower.read()), ['one'])
  log.say('two')
  log.setAside()
  assert.deepEqual(texts(follower.read()), ['two'], 'before the next file is there')
  log.say('three')
  log.say('four')
  assert.deepEqual(texts(follower.read()), ['three', 'four'])
  log.say('five')
  log.setAside()
  log.say('six')
  log.setAside()
  log.say('seven')
  assert.deepEqual(texts(follower.end()), ['five', 'six', 'seven'])
})

test('half a line is shown when it stood still from one look to the next', (t) => {
  const folder = folderOf(t)
  const log = writer(folder, 'r')
  const follower = new LogFollower(folder, 'r')
  log.say('Password: ', '+')
  assert.deepEqual(follower.read(), [])
  const [part] = follower.read()
  assert.deepEqual([part?.kind, part?.text], ['part', 'Password: '])
  log.say('thanks')
  assert.deepEqual(texts(follower.end()), ['thanks'])
})

test('the oldest logs go first, together with what was set aside, and that of a live run stays', (t) => {
  const folder = folderOf(t)
  for (const run of ['a', 'b', 'c', 'd']) writeFileSync(join(folder, `${run}.log`), 'x'.repeat(100))
  writeFileSync(join(folder, 'b.log.1'), 'x'.repeat(100))
  writeFileSync(join(folder, 'not-a-log'), 'x'.repeat(1000))
  assert.deepEqual(
    logsIn(folder).map(({ run, bytes }) => [run, bytes]),
    [
      ['a', 100],
      ['b', 200],
      ['c', 100],
      ['d', 100],
    ],
  )
  assert.equal(
    pruneLogs(folder, 250, (run) => run === 'a'),
    1,
  )
  assert.deepEqual(readdirSync(folder).sort(), ['a.log', 'c.log', 'd.log', 'not-a-log'])
  assert.equal(
    pruneLogs(join(folder, 'none'), 1, () => false),
    0,
  )
})

test('there are never more than so many, however small', (t) => {
  const folder = folderOf(t)
  for (let i = 1000; i < 1000 + LOGS_OF_A_PLUGIN_MAX + 50; i++) writeFileSync(join(folder, `${i}.log`), '')
  assert.equal(
    pruneLogs(folder, 2 ** 30, () => false),
    50,
  )
  assert.equal(logsIn(folder)[0]?.run, '1050')
})
