// `ps`, `stats`, `logs`, `stop` and `history` as they are typed, on runs of `plugins run`.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openManager } from '../../src/index.ts'
import { SLOW } from '../helpers/patience.ts'
import { HELLO } from '../manager/household.ts'
import { pluginSpec } from '../manager/programs.ts'
import { program } from '../manager/watched.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { BIN, type Shell, shell } from './cli.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

async function installed(t: TestContext, config: object = {}): Promise<Shell> {
  const own = await shell(t)
  writeFileSync(own.layout.configFile, JSON.stringify(config), { mode: 0o600 })
  const { code, stderr } = own.plugins(['install', own.publish(pluginSpec(program)), '--yes'])
  assert.equal(code, 0, stderr)
  return own
}

function started(t: TestContext, own: Shell, line: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [BIN, ...line], {
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A launcher that is asked twice ends its tree at once; one that is killed would leave its cgroups behind.
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    child.kill('SIGTERM')
    await gone
  })
  return child
}

/** `plugins run`, up to its first output. */
async function running(t: TestContext, own: Shell, args: readonly string[]): Promise<ChildProcess> {
  const child = started(t, own, ['run', HELLO, '--', ...args])
  child.stderr?.resume()
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  return child
}

/** The first lines that a command which goes on prints. */
async function linesOf(child: ChildProcess, count: number): Promise<string[]> {
  let text = ''
  const { promise, resolve, reject } = Promise.withResolvers<string[]>()
  const late = setTimeout(() => reject(new Error(`only ${text}`)), 20_000 * SLOW)
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    const lines = text.split('\n').slice(0, -1)
    if (lines.length >= count) resolve(lines)
  })
  return promise.finally(() => clearTimeout(late))
}

test('runs of `plugins run` are shown, measured, and stopped by the name of their plugin', { skip }, async (t) => {
  const own = await installed(t)
  assert.equal(own.plugins(['ps']).stderr, 'no plugin is running\n')
  const busy = await running(t, own, ['burn'])
  const deaf = await running(t, own, ['deaf'])

  const ps = own.plugins(['ps']).stdout.split('\n')
  assert.match(ps[0] ?? '', /^RUN +PLUGIN +VERSION +PID +SINCE +CPU +TIME +MEMORY +PROCS +PROFILE$/)
  assert.match(
    ps[1] ?? '',
    new RegExp(`acme/hello +1\\.0\\.0 +${busy.pid} +[\\dms ]+ +[\\d.]+% +\\S+ +[\\d.]+[KM] +1 +production$`),
  )
  assert.match(ps[2] ?? '', new RegExp(` ${deaf.pid} .* 2 +production$`))
  assert.deepEqual(
    (own.json(['ps', HELLO]).value as { pid: number }[]).map(({ pid }) => pid),
    [busy.pid, deaf.pid],
  )

  const stats = own.plugins(['stats', HELLO, '--interval', '1s']).stdout.split('\n')
  const [, cpu = '0'] = /^acme\/hello +([\d.]+)% +50% +\S+ +128M +1\/32 +3\/256 /.exec(stats[1] ?? '') ?? []
  assert.ok(Number(cpu) > 5 && Number(cpu) < 70, stats.join('\n'))

  const stopped = own.plugins(['stop', HELLO, '--grace', `${500 * SLOW}ms`])
  assert.equal(stopped.code, 0)
  assert.equal(stopped.stderr, 'stopped 2 runs, 1 of them killed\n')
  assert.match(
    stopped.stdout,
    /: ended when asked, after [\d.]+m?s\n.*: killed with all its processes, after [\d.]+(?:ms|s)\n$/,
  )
  const history = own.json(['history']).value as { outcome: { signal: string } }[]
  assert.deepEqual(history.map(({ outcome }) => outcome.signal).sort(), ['SIGKILL', 'SIGTERM'])
  const again = own.plugins(['stop', HELLO])
  assert.deepEqual(
    [again.code, again.stderr],
    [4, `plugins: cannot stop ${HELLO}: it does not run\n\nhint: plugins ps\n`],
  )
})

test('what cannot be stopped, shown or understood is said with its code', { skip }, async (t) => {
  const own = await installed(t)
  for (const [line, code, exit] of [
    [['stop'], 'USAGE', 2],
    [['stop', HELLO, '--all'], 'USAGE', 2],
    [['stop', '--all'], 'NOT_RUNNING', 4],
    [['stop', '--run', 'none'], 'RUN_NOT_FOUND', 4],
    [['stop', 'acme/none'], 'NOT_INSTALLED', 4],
    [['stop', HELLO, '--grace', 'soon'], 'USAGE', 2],
    [['ps', 'acme/none'], 'NOT_INSTALLED', 4],
    [['stats', '--interval', '1ms'], 'USAGE', 2],
    [['logs', 'acme/none'], 'NOT_INSTALLED', 4],
    [['logs', HELLO, '--lines', '-1'], 'USAGE', 2],
    [['logs', HELLO, '--since', 'x'], 'USAGE', 2],
    [['logs', HELLO, '--raw'], 'USAGE', 2],
    [['history', '--run', 'none'], 'RUN_NOT_FOUND', 4],
  ] as const) {
    const { code: exited, value } = own.json(line)
    assert.deepEqual([(value as { error: { code: string } }).error?.code, exited], [code, exit], line.join(' '))
  }
  assert.deepEqual(own.json(['ps']).value, [])
  assert.deepEqual(own.json(['logs', HELLO]).value, [])
  assert.equal(own.plugins(['logs', HELLO]).stderr, `${HELLO} has written nothing to its standard error\n`)
})

test('no escape sequence of a plugin is in what `logs` prints, unless its bytes are asked for', { skip }, async (t) => {
  const own = await installed(t)
  own.plugins(['run', HELLO, '--', 'say', 'a\tb\u001b[2J\u202e', 'two'])
  const { stdout } = own.plugins(['logs', HELLO])
  assert.match(stdout, /^==> run \S+ <==\n\S+Z \| a\tb\\u001b\[2J\\u202e\n\S+Z \| two\n$/)
  assert.equal(own.plugins(['logs', HELLO, '--raw']).stdout, 'a\tb\u001b[2J\u202e\ntwo\n')
  assert.equal(own.plugins(['logs', HELLO, '--lines', '1', '--raw']).stdout, 'two\n')
  const [entry] = own.json(['logs', HELLO]).value as Record<string, unknown>[]
  assert.deepEqual(Object.keys(entry ?? {}).sort(), ['atMs', 'kind', 'position', 'run', 'text'])
})

test('`logs --follow` shows a line soon after it was written, and ends with Ctrl-C or with its reader', {
  skip,
}, async (t) => {
  const own = await installed(t)
  const follow = started(t, own, ['logs', HELLO, '--follow', '--json'])
  const run = await running(t, own, ['tick'])
  const entries = (await linesOf(follow, 3)).map((line) => JSON.parse(line))
  assert.deepEqual(
    entries.slice(0, 3).map(({ text }) => text),
    ['tick 0', 'tick 1', 'tick 2'],
  )
  follow.kill('SIGINT')
  assert.deepEqual(await once(follow, 'exit'), [0, null])

  const piped = started(t, own, ['logs', HELLO, '--follow'])
  await linesOf(piped, 2)
  piped.stdout?.destroy()
  assert.deepEqual(await once(piped, 'exit'), [0, null], 'whoever read it went away')
  run.kill('SIGTERM')
})

test('`stats --watch` into a pipe is a JSON document a line, until it is told to end', { skip }, async (t) => {
  const own = await installed(t)
  await running(t, own, ['wait'])
  const watch = started(t, own, ['stats', '--watch', '--interval', '200ms'])
  const lines = (await linesOf(watch, 3)).map((line) => JSON.parse(line))
  for (const { atMs, runs } of lines) {
    assert.ok(Math.abs(Date.now() - atMs) < 60_000)
    assert.deepEqual([runs.length, runs[0].name, runs[0].files], [1, HELLO, 3])
  }
  watch.kill('SIGINT')
  assert.deepEqual(await once(watch, 'exit'), [0, null])
})

test('`stats --watch` in a terminal redraws in its place, and gives the terminal back as it was', {
  skip,
}, async (t) => {
  const own = await installed(t)
  await running(t, own, ['wait'])
  const line = `'${process.execPath}' '${BIN}' stats --watch --interval 200ms`
  const terminal = spawn(
    'script',
    ['--quiet', '--return', '--command', `stty cols 100 rows 10; exec ${line}`, '/dev/null'],
    {
      env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home, TERM: 'xterm' },
    },
  )
  t.after(() => terminal.kill('SIGKILL'))
  let shown = ''
  const frames = Promise.withResolvers<void>()
  terminal.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    shown += chunk
    if (shown.split('\u001b[H').length > 3) frames.resolve()
  })
  await frames.promise
  terminal.stdin.write('\u0003')
  assert.deepEqual(await once(terminal, 'exit'), [0, null])
  assert.ok(shown.startsWith('\u001b[?1049h\u001b[?25l'), JSON.stringify(shown.slice(0, 40)))
  const [, after = ''] = shown.split('\u001b[?25h\u001b[?1049l')
  assert.match(after, /^PLUGIN .*\r\nacme\/hello .*\r\n$/, 'the last table stays')
})

test('`history` shows what a run used, and its minutes', { skip }, async (t) => {
  const own = await installed(t, { sample: '100ms' })
  const run = await running(t, own, ['burn'])
  await new Promise((resolve) => setTimeout(resolve, 700 * SLOW))
  run.kill('SIGTERM')
  await once(run, 'exit')
  const [record] = own.json(['history', HELLO, '--minutes']).value as { id: string; minutes: { samples: number }[] }[]
  assert.equal(record?.minutes.length, 1)
  assert.ok((record?.minutes[0]?.samples ?? 0) >= 2)
  assert.match(own.plugins(['history', '--minutes']).stdout, /^MINUTE +CPU +MEMORY .*\n\S+ \S+ +[\d.]+% \([\d.]+%\) /)
  const one = own.plugins(['history', '--run', record?.id ?? ''])
  assert.match(one.stdout, new RegExp(`^run +${record?.id}\nplugin +acme/hello 1\\.0\\.0\n`))
  assert.match(one.stdout, /\noutcome +SIGTERM\n/)
  assert.match(one.stdout, /\n\nMINUTE /)
  const document = own.json(['history', '--run', record?.id ?? '']).value as { minutes: unknown[] }
  assert.equal(document.minutes.length, 1)
})

test('looking at runs loads no schema, no tar and no signatures', { skip }, async (t) => {
  const own = await installed(t)
  rmSync(own.layout.configFile) // which is read with a schema where there is one
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-loaded-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  for (const line of [['ps'], ['stats'], ['logs', HELLO], ['history'], ['list']]) {
    assert.equal(own.plugins(line, { env: { NODE_V8_COVERAGE: folder } }).code, 0)
  }
  const loaded = readdirSync(folder).flatMap((name) =>
    (JSON.parse(readFileSync(join(folder, name), 'utf8')) as { result: { url: string }[] }).result.map(
      ({ url }) => url,
    ),
  )
  const files = [...new Set(loaded)].filter((url) => url.startsWith('file:')).map((url) => fileURLToPath(url))
  assert.ok(
    files.some((path) => path.endsWith('dist/js/cli.js')),
    `${files}`,
  )
  for (const path of files) {
    assert.doesNotMatch(path, /node_modules\/(?:tar|sigstore|@sigstore|zod|tweetnacl)\//)
    assert.doesNotMatch(readFileSync(path, 'utf8'), /\$ZodType/, path)
  }
})

test('tables say what a host calls an instance, and a revocation that its runs do not go on', { skip }, async (t) => {
  const own = await installed(t)
  await using manager = await openManager({ home: own.layout.home })
  await using one = await manager.spawn(HELLO, { name: 'for-ada', args: ['deaf'] })
  await once(one.stdout as NodeJS.ReadableStream, 'data')
  assert.match(own.plugins(['stats']).stdout, /^acme\/hello for-ada +\d/m)
  assert.match(own.plugins(['history']).stdout, / acme\/hello for-ada +running /)
  const { stderr } = own.plugins(['trust', 'revoke', `${HELLO}@1.0.0`, '--reason', 'not to be trusted'])
  assert.match(stderr, /: a run of it goes on until it ends, unless a host application loaded it\n/)
  await one.wait()
})
