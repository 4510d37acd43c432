import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { holderOf, isAlive, pidOf } from '../../src/store/holder.ts'

const NO_SUCH_PID = 2 ** 22 + 1 // beyond the largest pid there can be

test('a holder is alive as long as its process is', async () => {
  const child = spawn('sleep', ['60'])
  const holder = holderOf(child.pid ?? 0) ?? ''
  assert.equal(pidOf(holder), child.pid)
  assert.equal(isAlive(holder), true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(isAlive(holder), false)
  assert.equal(holderOf(NO_SUCH_PID), null)
})

test('a later process with the same pid, and one from before the last start, are not the holder', () => {
  const [pid, start, boot] = (holderOf(process.pid) ?? '').split(':')
  assert.equal(isAlive(`${pid}:${start}:${boot}`), true)
  assert.equal(isAlive(`${pid}:${Number(start) - 1}:${boot}`), false)
  assert.equal(isAlive(`${pid}:${start}:00000000-0000-0000-0000-000000000000`), false)
})

test('text that names no process names no living one', () => {
  for (const text of ['', ':', '::', `1:${NO_SUCH_PID}`, 'self:1:x', `${process.pid}`])
    assert.equal(isAlive(text), false, text)
})

test('a process that ended and was not waited for is dead', async () => {
  // A shell that becomes a sleep, and so never waits for its child.
  const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(String(line).trim())
  const isZombie = () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  for (let tries = 0; !isZombie() && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(isZombie())
  assert.equal(holderOf(pid), null)
  parent.kill('SIGKILL')
})

test('a program whose name looks like the end of the field is read right', async () => {
  const script =
    "require('node:fs').writeFileSync('/proc/self/comm', ') S 1 (x'); console.log('ready'); setTimeout(() => {}, 60000)"
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const holder = holderOf(child.pid ?? 0)
  assert.ok(holder !== null && isAlive(holder))
  const [, start] = holder.split(':')
  assert.ok(
    Math.abs(Number(start) - Number((holderOf(process.pid) ?? '').split(':')[1])) < 100 * 600,
    'ticks since boot',
  )
  child.kill('SIGKILL')
})
