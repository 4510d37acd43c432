import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT_CODES } from '../../src/core/exit-codes.ts'
import { ERROR_CODES } from '../../src/index.ts'
import { read } from '../docs/documents.ts'

const CHANGE = join(import.meta.dirname, 'interruptible-change.ts')

interface Interrupted {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Starts the change, and does `act` once it has begun. */
async function change(how: string, act: (child: ChildProcess, said: () => string) => unknown): Promise<Interrupted> {
  const child = spawn(process.execPath, [CHANGE, how], { stdio: ['ignore', 'pipe', 'pipe'] })
  const kept = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => {
    kept.stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    kept.stderr += chunk
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  const ended = once(child, 'close')
  while (!kept.stdout.includes('begun')) await sleep(20)
  await act(child, () => kept.stdout)
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  return { code, signal, ...kept }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} undoes a change, says so, and ends with its own exit code`, async () => {
    const { code, stdout, stderr } = await change('steps', (child) => child.kill(signal))
    assert.equal(code, ERROR_CODES.INTERRUPTED.exitCode)
    assert.equal(stdout, 'begun\nundoing\nundone\n')
    assert.equal(
      stderr,
      'interrupted: undoing what was begun; once more ends it at once\n' +
        'plugins: cannot go on with the update of acme/hello: it was interrupted; nothing was changed\n',
    )
  })
}

test('what Node itself throws of an aborted signal is an interruption too, and no bug', async () => {
  const { code, stderr } = await change('node', (child) => child.kill('SIGINT'))
  assert.equal(code, 130)
  assert.match(stderr, /plugins: cannot go on with this: it was interrupted; nothing was changed\n$/)
})

test('a second Ctrl-C ends at once, and says who finishes the undoing', async () => {
  const { code, signal, stdout, stderr } = await change('slow', async (child, said) => {
    child.kill('SIGINT')
    while (!said().includes('undoing')) await sleep(20)
    await sleep(150)
    child.kill('SIGINT')
  })
  assert.deepEqual([code, signal], [null, 'SIGINT'])
  assert.equal(stdout, 'begun\nundoing\n')
  assert.match(stderr, /\nended at once: the next command of plugins undoes the rest\n$/)
})

test('a signal that comes twice at the same time, from a terminal and from npx, is one request', async () => {
  const { code, signal, stdout } = await change('slow', async (child, said) => {
    child.kill('SIGINT')
    while (!said().includes('undoing')) await sleep(1)
    child.kill('SIGINT')
    await sleep(300)
    child.kill('SIGKILL')
  })
  // It went on undoing, which takes this one long.
  assert.deepEqual([code, signal, stdout], [null, 'SIGKILL', 'begun\nundoing\n'])
})

test('a change that was done before it could be stopped says so, and is no failure', async () => {
  const { code, stdout, stderr } = await change('late', (child) => child.kill('SIGINT'))
  assert.deepEqual([code, stdout], [0, 'begun\ndone\n'])
  assert.match(stderr, /it was done already: nothing was undone\n$/)
})

test('the page of the command line has every exit code', () => {
  const table = Object.entries(EXIT_CODES).map(([code, meaning]) => `| ${code} | ${meaning} |\n`)
  assert.ok(read('docs/cli.md').text.includes(table.join('')), table.join(''))
})
