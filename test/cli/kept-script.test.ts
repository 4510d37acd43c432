import assert from 'node:assert/strict'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { evilCode, KeptCode } from '../helpers/kept-code.ts'

const skip = process.geteuid?.() !== 0 && 'gives a file to another user, which needs root'

test('what was compiled is written by the first two hand-overs, and by none after them', () => {
  using code = new KeptCode()
  assert.equal(code.handOver(), true)
  assert.equal(code.runs, 1)
  assert.equal(code.handOver(), true)
  assert.equal(code.runs, 2)
  assert.equal(code.handOver(), false)
  assert.equal(code.says(), 'good')
  assert.equal(code.files.length, 1)
})

test('a process that does not come to a hand-over writes nothing', () => {
  using code = new KeptCode()
  assert.equal(code.says(), 'good')
  assert.deepEqual(code.files, [])
})

test('what was compiled is what runs', () => {
  using code = new KeptCode()
  code.handOver()
  code.plant(evilCode())
  assert.equal(code.says(), 'evil')
})

test('a script of the same length that says something else is what runs', () => {
  using code = new KeptCode()
  code.handOver()
  code.handOver()
  code.rewrite('evil')
  assert.equal(code.says(), 'evil')
})

test('what is damaged or cut off is not run, and is replaced', () => {
  using code = new KeptCode()
  code.handOver()
  code.handOver()
  const whole = readFileSync(code.file)
  const damaged = Buffer.from(whole)
  const at = whole.indexOf('good')
  damaged.write('evil', at)
  assert.ok(at > 0)
  for (const bytes of [damaged, whole.subarray(0, -8), whole.subarray(0, 10), Buffer.alloc(0)]) {
    writeFileSync(code.file, bytes)
    assert.equal(code.says(), 'good')
  }
  code.handOver()
  assert.equal(code.runs, 1)
})

test('what another V8 has compiled is compiled anew', () => {
  using code = new KeptCode()
  code.handOver()
  const foreign = evilCode()
  foreign.writeUInt32LE((foreign.readUInt32LE(4) ^ 1) >>> 0, 4)
  code.plant(foreign)
  assert.equal(code.says(), 'good')
  assert.equal(code.handOver(), true)
  assert.equal(code.runs, 1)
})

test('nothing is written for the script of somebody else', { skip }, () => {
  using code = new KeptCode()
  chownSync(code.script, 12345, 12345)
  assert.equal(code.handOver(), false)
  assert.deepEqual(code.files, [])
})
