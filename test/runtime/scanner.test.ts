import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runScanner, type ScanRequest } from '../../src/runtime/scanner.ts'
import { SLOW } from '../helpers/patience.ts'
import { script } from '../helpers/script.ts'

const scan = (t: TestContext, body: string, more: Partial<ScanRequest> = {}) =>
  runScanner({ command: [script(t, body)], env: {}, input: '', timeoutMs: 20_000, ...more })

const textOf = ({ end }: Awaited<ReturnType<typeof scan>>): string => {
  assert.equal(end.kind, 'exited')
  return end.kind === 'exited' ? Buffer.from(end.stdout).toString() : ''
}

/** Command lines of all processes that hold this text. */
function running(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(join('/proc', pid, 'cmdline'), 'latin1')]
      } catch {
        return [] // it ended meanwhile
      }
    })
    .filter((line) => line.includes(text))
}

/** A number of seconds that no other process of this machine sleeps. */
const oddSeconds = (): string => `${3_000 + Math.floor(Math.random() * 1e6) / 1e3}1`

test('a scanner gets its input, its arguments, and an environment that is built from nothing', async (t) => {
  process.env.BULKHEAD_TEST_SECRET = 'x'
  t.after(() => void delete process.env.BULKHEAD_TEST_SECRET)
  const body = 'cat; echo "$1|$PWD"; env | cut -d= -f1 | sort | tr "\\n" " "; echo; echo "$HOME $PATH $A"'
  const command = [script(t, body), 'two words'] as const
  const found = await runScanner({ command, env: { A: 'b' }, input: 'given\n', timeoutMs: 20_000 })
  const [given, place, names, values] = textOf(found).split('\n')
  assert.deepEqual([given, place], ['given', 'two words|/'])
  assert.deepEqual(
    names
      ?.trim()
      .split(' ')
      .filter((name) => !['_', 'OLDPWD'].includes(name)),
    ['A', 'BULKHEAD_SCAN', 'HOME', 'LANG', 'PATH', 'PWD'],
  )
  assert.equal(values, `${userInfo().homedir} /usr/sbin:/usr/bin:/sbin:/bin b`)
})

test('its exit code and both streams are told; what it does not read is no failure', async (t) => {
  const found = await scan(t, 'echo said; echo because >&2; exit 7', { input: 'x'.repeat(2 ** 21) })
  assert.deepEqual([found.end.kind, found.stderr], ['exited', 'because\n'])
  assert.equal(found.end.kind === 'exited' && found.end.code, 7)
  assert.equal(textOf(found), 'said\n')
})

test('a signal, a program that is not there, and a file that is no program are told apart', async (t) => {
  assert.deepEqual((await scan(t, 'kill -SEGV $$')).end, { kind: 'signalled', signal: 'SIGSEGV' })
  for (const command of [['/nonexistent/scan'], ['/etc'], ['/etc/passwd']] as const) {
    const { end } = await runScanner({ command, env: {}, input: '', timeoutMs: 1_000 })
    assert.equal(end.kind, 'not-started', command[0])
  }
  const long = await scan(t, 'true', { env: { A: 'x'.repeat(2 ** 20) } })
  assert.equal(long.end.kind, 'not-started', 'an environment that the kernel does not take')
})

test('standard output is bounded, and standard error is cut', async (t) => {
  const flooded = await scan(t, 'cat /dev/zero')
  assert.deepEqual(flooded.end, { kind: 'flooded' })
  const cut = await scan(t, 'head -c 3000000 /dev/zero | tr "\\0" x >&2; echo last >&2')
  assert.equal(cut.end.kind, 'exited')
  assert.ok(cut.stderr.length <= 4096 && cut.stderr.endsWith('last\n'))
})

test('at the end of its time it is killed, with all that it started', async (t) => {
  const seconds = oddSeconds()
  const startedMs = Date.now()
  const found = await scan(t, `sleep ${seconds} & sleep ${seconds}; wait`, { timeoutMs: 300 })
  assert.deepEqual(found.end, { kind: 'overran' })
  assert.ok(Date.now() - startedMs < 10_000)
  assert.deepEqual(running(seconds), [])
})

test('what it leaves in the background is ended, and does not keep the install waiting', async (t) => {
  const seconds = oddSeconds()
  const startedMs = Date.now()
  const found = await scan(t, `sleep ${seconds} & echo '{"verdict":"pass"}'`)
  assert.match(textOf(found), /pass/)
  assert.ok(Date.now() - startedMs < 10_000)
  assert.deepEqual(running(seconds), [])
})

test('a process that leaves its session is ended too, by the mark in its environment', async (t) => {
  const seconds = oddSeconds()
  const found = await scan(t, `setsid sleep ${seconds} & setsid setsid sleep ${seconds} & sleep 0.2`)
  assert.equal(found.end.kind, 'exited')
  assert.deepEqual(running(seconds), [])
})

test('a signal that ends Bulkhead ends the scanner', async (t) => {
  const seconds = oddSeconds()
  const path = script(t, `sleep ${seconds}`)
  const source = `
    import { runScanner } from ${JSON.stringify(join(import.meta.dirname, '../../src/runtime/scanner.ts'))}
    await runScanner({ command: [${JSON.stringify(path)}], env: {}, input: '', timeoutMs: 60000 })`
  const host = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' })
  for (let tries = 0; tries < 200 && running(seconds).length === 0; tries++) await sleep(50)
  assert.ok(running(seconds).length > 0 && existsSync(path))
  const ended = new Promise((resolve) => host.once('exit', (_code, signal) => resolve(signal)))
  host.kill('SIGTERM')
  assert.equal(await ended, 'SIGTERM')
  for (let tries = 0; tries < 100 && running(seconds).length > 0; tries++) await sleep(20)
  assert.deepEqual(running(seconds), [])
})

test('a signal that comes while the scanner is being started ends it, too', async (t) => {
  const seconds = oddSeconds()
  const path = script(t, `sleep ${seconds}`)
  // As on a machine that is so slow: it runs, and whoever has started it has not been told yet.
  const source = `
    const children = process.getBuiltinModule('node:child_process')
    const { spawn } = children
    children.spawn = (...words) => {
      const child = spawn(...words)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${500 * SLOW})
      return child
    }
    const { runScanner } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/runtime/scanner.ts'))})
    await runScanner({ command: [${JSON.stringify(path)}], env: {}, input: '', timeoutMs: 60000 })`
  const host = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' })
  const ended = new Promise((resolve) => host.once('exit', (_code, signal) => resolve(signal)))
  for (let tries = 0; tries < 400 * SLOW && running(seconds).length === 0; tries++) await sleep(20)
  assert.ok(running(seconds).length > 0)
  host.kill('SIGTERM')
  assert.equal(await ended, 'SIGTERM')
  for (let tries = 0; tries < 100 && running(seconds).length > 0; tries++) await sleep(20)
  assert.deepEqual(running(seconds), [])
})

test('no listener of ours stays when a scan is over', async (t) => {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP', 'exit'] as const
  const before = names.map((name) => process.listenerCount(name))
  await scan(t, 'true')
  assert.deepEqual(
    names.map((name) => process.listenerCount(name)),
    before,
  )
})
