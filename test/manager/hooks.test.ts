// Hooks and the health check: programs of a release that are run around a change, in the sandbox of any run.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { effectiveLimits } from '../../src/core/limits.ts'
import type { RunningPlugin } from '../../src/index.ts'
import { hookEntryOf, manifestOfHook } from '../../src/manager/hooks.ts'
import { dataPlace, missingDataTools } from '../../src/runtime/data.ts'
import { eventually } from '../runtime/launcher/launch.ts'
import { cannotLaunch, manifestOf } from '../runtime/plan/house.ts'
import { hooked, hookSpec } from './hooked.ts'
import { HELLO, type Household, household } from './household.ts'
import { collect } from './watched.ts'

const skip = cannotLaunch
const noData = skip || (missingDataTools()[0] ?? false)

/** Each writes what it was told to /data, in its own language. */
const TELLING = {
  exec: {
    path: 'hooks/tell.sh',
    text: '#!/bin/sh\nread line\necho "$PLUGIN_HOOK $PLUGIN_FROM_VERSION $PLUGIN_VERSION $COLOUR $1 [$line]" > "$PLUGIN_DATA/told"\n',
  },
  python: {
    path: 'hooks/tell.py',
    text: `import os, sys
e = os.environ
with open(e['PLUGIN_DATA'] + '/told', 'w') as f:
    print(e['PLUGIN_HOOK'], e['PLUGIN_FROM_VERSION'], e['PLUGIN_VERSION'], e['COLOUR'], sys.argv[1], '[' + sys.stdin.read() + ']', file=f)
`,
  },
  node: {
    path: 'hooks/tell.mjs',
    text: `import { readFileSync, writeFileSync } from 'node:fs'
const { PLUGIN_DATA, PLUGIN_HOOK, PLUGIN_FROM_VERSION, PLUGIN_VERSION, COLOUR } = process.env
const stdin = readFileSync(0, 'utf8')
writeFileSync(PLUGIN_DATA + '/told', [PLUGIN_HOOK, PLUGIN_FROM_VERSION, PLUGIN_VERSION, COLOUR, process.argv[2], '[' + stdin + ']'].join(' ') + '\\n')
`,
  },
} as const

for (const runtime of ['exec', 'python', 'node'] as const) {
  test(`${runtime}: a hook is told what it is, from where, and finds /data`, {
    skip: noData === false ? false : String(noData),
  }, async (t) => {
    const { path, text } = TELLING[runtime]
    const manifest = { limits: { data: '8M' }, hooks: { 'migrate-data': { runtime, path, args: ['one'] } } }
    const { run, become, host, installation } = await hooked(t, hookSpec(manifest, { [path]: text }))
    process.env.COLOUR = 'blue'
    t.after(() => delete process.env.COLOUR)
    become('installing')
    await run('migrate-data', { from: '0.9.0' })
    const { uid } = installation
    const ids = { mode: 'root', uid, gid: uid, idmap: 'direct' } as const
    const place = dataPlace({ name: HELLO, folder: host.layout.data(HELLO), bytes: 2 ** 23, ids, weaker: [] })
    assert.equal(readFileSync(join(place, 'told'), 'utf8'), 'migrate-data 0.9.0 1.0.0 blue one []\n')
    const [record] = host.store.runs.history(HELLO, 1)
    assert.deepEqual([record?.hook, record?.version, record?.outcome?.code], ['migrate-data', '1.0.0', 0])
  })
}

/** Only what a shell does by itself is there: a sandbox has no programs of the host. */
const WAITING = { 'hook.sh': '#!/usr/bin/python3\nimport time\ntime.sleep(60)\n' }
const script = (body: string) => ({ 'hook.sh': `#!/bin/sh\n${body}\n` })
const postinstall = (limits: object = {}) => ({ hooks: { postinstall: { path: 'hook.sh', limits } } })

test('a hook that fails says how, with its last lines, made safe', { skip }, async (t) => {
  const body = 'for i in 1 2 3 4 5 6; do echo "line $i" >&2; done; printf "\\033[31mred\\n" >&2; echo out; exit 3'
  const { run } = await hooked(t, hookSpec(postinstall(), script(body)))
  await assert.rejects(run('postinstall'), (error: Error & { code: string; hint: string; exitCode: number }) => {
    assert.equal(error.code, 'HOOK_FAILED')
    assert.equal(error.exitCode, 1)
    assert.equal(
      error.message,
      'cannot go on with acme/hello 1.0.0: its hook postinstall exited with 3, so nothing was changed; ' +
        'it said: line 3 | line 4 | line 5 | line 6 | \\u{1b}[31mred',
    )
    assert.match(error.hint, /^plugins history --run [a-z0-9-]+; plugins logs acme\/hello --run [a-z0-9-]+$/)
    return true
  })
})

test('what it said on stdout is told where stderr is silent, and what it wrote to stderr is in its log', {
  skip,
}, async (t) => {
  const { run, house } = await hooked(
    t,
    hookSpec(
      { hooks: { postinstall: { path: 'hook.sh' }, preremove: { path: 'silent.sh' } } },
      { ...script('echo only this; exit 1'), 'silent.sh': '#!/bin/sh\necho logged >&2; kill -9 $$' },
    ),
  )
  await assert.rejects(run('postinstall'), {
    code: 'HOOK_FAILED',
    message: /exited with 1, so nothing was changed; it said: only this$/,
  })
  await assert.rejects(run('preremove'), { message: /its hook preremove was ended by SIGKILL\b.*; it said: logged$/ })
  const texts = (await collect(house.manager.logs(HELLO))).map(({ text }) => text)
  assert.deepEqual(texts, ['logged'])
})

test('a health check is ended by its own limit of time, and the error says which', { skip }, async (t) => {
  const health = { path: 'hook.sh', limits: { timeout: '1s' } }
  const { run } = await hooked(t, hookSpec({ protocol: 'mcp', health }, WAITING))
  await assert.rejects(run('health'), {
    code: 'HEALTH_FAILED',
    message:
      /^cannot go on with acme\/hello 1\.0\.0: its health check met its limit: .*, so nothing was changed; it said nothing$/,
  })
})

test('the operator cuts the limits of a hook as those of a run', { skip }, async (t) => {
  const house = await household(t)
  writeFileSync(house.layout.configFile, JSON.stringify({ ceilings: { timeout: '1s' } }), { mode: 0o600 })
  await house.reopen()
  const { run } = await hooked(t, hookSpec(postinstall({ timeout: '50s' }), WAITING), house)
  const began = Date.now()
  await assert.rejects(run('postinstall'), { code: 'HOOK_FAILED', message: /met its limit/ })
  assert.ok(Date.now() - began < 20_000)
})

test('a hook has the limits of the manifest and its own over them, but times of its own', () => {
  const manifest = manifestOf({
    entry: { runtime: 'exec', path: 'bin/x' },
    protocol: 'mcp',
    limits: { memory: '64M', processes: 8, timeout: '1h', idle: '30m', data: '8M' },
    health: { path: 'a' },
    hooks: { postinstall: { runtime: 'python', path: 'b', limits: { processes: 4, timeout: '90s' } } },
  })
  const limitsOf = (hook: 'health' | 'postinstall') => {
    const entry = hookEntryOf(manifest, hook)
    assert.ok(entry)
    const derived = manifestOfHook(manifest, hook, entry)
    assert.deepEqual(
      [derived.protocol, derived.entry.path, derived.entry.runtime],
      ['stdio', entry.path, entry.runtime],
    )
    const { limits } = effectiveLimits(derived.limits, {
      runtime: entry.runtime,
      protocol: derived.protocol,
      profile: 'production',
    })
    return [limits.memoryBytes, limits.processesMax, limits.timeoutMs, limits.dataBytes]
  }
  assert.deepEqual(limitsOf('health'), [64 * 2 ** 20, 8, 10_000, 8 * 2 ** 20])
  assert.deepEqual(limitsOf('postinstall'), [64 * 2 ** 20, 4, 90_000, 8 * 2 ** 20])
})

test('a hook runs while its release is in the making or kept, and in no other state; a run only when it is installed', {
  skip,
}, async (t) => {
  const { run, become, house } = await hooked(t, hookSpec(postinstall(), script('exit 0')))
  for (const state of ['installing', 'installed', 'kept'] as const) {
    become(state)
    await run('postinstall')
  }
  for (const state of ['disabled', 'quarantined', 'removing'] as const) {
    become(state)
    await assert.rejects(run('postinstall'), { code: 'WRONG_STATE' }, state)
  }
  become('installing')
  await assert.rejects(house.manager.run(HELLO), { code: 'NOT_INSTALLED' })
  const hooks = house.manager.history(HELLO, 10).map(({ hook, outcome }) => [hook, outcome?.outcome])
  assert.deepEqual(hooks.filter(([, how]) => how === 'exited').length, 3)
  assert.deepEqual(hooks.filter(([hook, how]) => hook === 'postinstall' && how === 'refused').length, 3)
})

/** Waits until what runs is as it has to be. */
async function until({ manager }: Household, condition: (all: readonly RunningPlugin[]) => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !condition(await manager.ps(null)); await sleep(20)) {
    assert.ok(Date.now() < end, 'it has not come to that within ten seconds')
  }
}

test('a hook is seen while it goes on, and can be stopped', { skip }, async (t) => {
  const { run, house, become } = await hooked(t, hookSpec(postinstall(), WAITING))
  become('installing')
  const running = run('postinstall')
  running.catch(() => {})
  await until(house, (all) => all.some(({ pid, processes }) => pid !== null && (processes ?? 0) > 0))
  const [seen] = await house.manager.ps(HELLO)
  assert.deepEqual([seen?.hook, seen?.version], ['postinstall', '1.0.0'])
  await house.manager.stop(HELLO)
  await assert.rejects(running, { code: 'HOOK_FAILED', message: /was ended by SIG(TERM|KILL)/ })
  assert.deepEqual(await house.manager.ps(null), [])
})

test('whoever gives up a change ends its hook', { skip }, async (t) => {
  const { run, host } = await hooked(t, hookSpec(postinstall(), WAITING))
  const giveUp = new AbortController()
  const running = run('postinstall', { signal: giveUp.signal })
  running.catch(() => {})
  await eventually(() => host.store.runs.open().some(({ supervisor }) => supervisor !== null))
  giveUp.abort(new Error('given up'))
  await assert.rejects(running, { code: 'INTERRUPTED' })
  assert.deepEqual(host.store.runs.open(), [])
  await assert.rejects(run('postinstall', { signal: giveUp.signal }), { code: 'INTERRUPTED' })
})

test('of a host that is killed the next command ends the hook and records it', { skip }, async (t) => {
  const { house, become, options } = await hooked(t, hookSpec(postinstall(), WAITING))
  become('installing')
  const [hooks, host] = ['hooks', 'host'].map((name) => join(import.meta.dirname, `../../src/manager/${name}.ts`))
  const code = `import { runHook } from ${JSON.stringify(hooks)}
    import { openHost } from ${JSON.stringify(host)}
    await runHook(await openHost(${JSON.stringify({ home: house.layout.home })}), ${JSON.stringify(options('postinstall'))})`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--no-warnings', '-e', code], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await until(house, (all) => all.some(({ pid, processes }) => pid !== null && (processes ?? 0) > 0))
  child.kill('SIGKILL')
  await until(house, (all) => all.length === 0)
  await house.reopen()
  const [record] = house.manager.history(HELLO, 1)
  assert.deepEqual([record?.hook, record?.outcome?.outcome], ['postinstall', 'signalled'])
})

test('what cannot be run here is no failure of the hook', { skip }, async (t) => {
  const house = await household(t)
  writeFileSync(house.layout.configFile, JSON.stringify({ interpreters: { node: '/nowhere/node' } }), { mode: 0o600 })
  await house.reopen()
  const manifest = { hooks: { postinstall: { runtime: 'node', path: 'hook.sh' } } }
  const { run } = await hooked(t, hookSpec(manifest, script('exit 0')), house)
  await assert.rejects(run('postinstall'), { code: 'INTERPRETER_MISSING' })
  const [record] = house.manager.history(HELLO, 1)
  assert.deepEqual([record?.hook, record?.outcome?.error], ['postinstall', 'INTERPRETER_MISSING'])
})

test('where the manifest names no hook nothing happens', { skip }, async (t) => {
  const { run, host } = await hooked(t, hookSpec({}))
  for (const hook of ['health', 'postinstall', 'preremove', 'migrate-data'] as const) await run(hook)
  assert.deepEqual(host.store.runs.history(HELLO, 10), [])
})

test('a release whose hook is not in it, or is no program, is not let in', async (t) => {
  const house = await household(t)
  const publish = (manifest: object, executable: string[] = []) => ({
    files: {
      'bin/x': '#!/bin/sh\n',
      'plugin.json': JSON.stringify({
        name: HELLO,
        version: '1.0.0',
        entry: { runtime: 'exec', path: 'bin/x' },
        ...manifest,
      }),
    },
    executable,
  })
  await assert.rejects(house.install(publish({ hooks: { 'migrate-data': { path: 'no/such' } } })), {
    code: 'MANIFEST_INVALID',
    message: 'cannot use acme/hello 1.0.0: hooks.migrate-data.path names no/such, which is not in the package',
  })
  await assert.rejects(house.install(publish({ health: { path: 'bin/x' } })), {
    code: 'MANIFEST_INVALID',
    message: 'cannot use acme/hello 1.0.0: health.path names bin/x, which is not executable',
  })
  assert.deepEqual(house.manager.list(), [])
})
