// The same commands by an ordinary user: their own home, their own keys, no right anywhere, and a network.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { BIN, type Ran } from '../../cli/cli.ts'
import { CALLER } from '../../runtime/launcher/user.ts'
import { echoInThread } from '../../runtime/network/outside.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO } from '../household.ts'
import { clientPlugin } from './client.ts'
import type { Decision } from './world.ts'

function as(uid: number, folder: string, args: readonly string[]): Ran {
  const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs']
  const { status, stdout, stderr } = spawnSync('setpriv', [...user, process.execPath, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: join(folder, 'home') },
  })
  return { code: status, stdout, stderr }
}

const cannotStart = as(CALLER, '/', [BIN, '--version']).code !== 0 && 'nobody but root may read this checkout'
const skip = cannotLaunch !== false ? cannotLaunch : cannotStart
if (skip !== false) console.log(`skipped: ${skip}`)

// Nobody has given this user a cgroup or a range of ids, so what these hold is gone without, by name.
const WEAKER = ['uid', 'memory', 'processes'].flatMap((layer) => ['--weaker', layer])

test('an ordinary user installs and runs a plugin with a network, by the same commands', { skip }, async (t) => {
  const port = await echoInThread(t)
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-rootless-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  chownSync(folder, CALLER, CALLER)
  const plugins = (...args: string[]): Ran => {
    const ran = as(CALLER, folder, [BIN, ...args])
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`)
    return ran
  }
  const own = (path: string, content?: string | Buffer): void => {
    if (content === undefined) mkdirSync(join(folder, path), { mode: 0o700 })
    else writeFileSync(join(folder, path), content, { mode: path.includes('bin/') ? 0o755 : 0o600 })
    chownSync(join(folder, path), CALLER, CALLER)
  }
  for (const path of ['home', 'source', 'source/bin']) own(path)
  const { files = {} } = await clientPlugin([`localhost:${port}`, `10.0.0.1:${port}`])
  for (const [path, content] of Object.entries(files)) own(`source/${path}`, content)
  own('home/config.json', JSON.stringify({ privateAddresses: [`127.0.0.1:${port}`] }))

  plugins('keygen', '--out', 'acme', '--no-passphrase')
  plugins('pack', 'source', '--out', '.')
  plugins('sign', 'acme-hello-1.0.0.tgz', '--key', 'acme.key')
  plugins('trust', 'add', 'acme.pub', '--for', 'acme/*')
  plugins('install', 'acme-hello-1.0.0.tgz', '--yes')
  const args = ['localhost', '10.0.0.1', '127.0.0.2', '169.254.169.254'].flatMap((host) => [host, `${port}`])
  const { stdout } = plugins('run', HELLO, ...WEAKER, '--', ...args)
  assert.deepEqual(
    stdout
      .replaceAll(/ENOTCONN|EPIPE/g, 'ECONNRESET')
      .trimEnd()
      .split('\n'),
    [
      'localhost: yes ping',
      ...['10.0.0.1', '127.0.0.2', '169.254.169.254'].map((address) => `${address}: no ECONNRESET`),
    ],
  )
  const events = JSON.parse(plugins('--json', 'audit', HELLO).stdout) as { kind: string; details: Decision }[]
  assert.deepEqual(
    events
      .filter(({ kind }) => kind === 'network')
      .map(({ details }) => [details.verdict, details.name, details.reason]),
    [
      ['allowed', '127.0.0.1', null],
      ['denied', '10.0.0.1', 'it is a private address'],
      ['denied', '127.0.0.2', 'it is a loopback address'],
      ['denied', '169.254.169.254', 'the plugin may not reach it'],
    ],
  )
})
