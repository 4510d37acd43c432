// A host application that an ordinary user runs: no right anywhere.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatPublicKey } from '../../../src/verify/index.ts'
import { authority } from '../../helpers/authority.ts'
import { CALLER } from '../../runtime/launcher/user.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { writeRelease } from '../household.ts'
import { pythonSpeaker } from './speakers.ts'

function as(uid: number, folder: string, args: readonly string[]) {
  const user = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', '--no-new-privs']
  return spawnSync('setpriv', [...user, process.execPath, ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' },
  })
}

const HOST = join(import.meta.dirname, 'rootless-host.ts')
const cannotStart = as(CALLER, '/', ['-e', `require('node:fs').readFileSync('${HOST}')`]).status !== 0
const skip = cannotLaunch !== false ? cannotLaunch : cannotStart && 'nobody but root may read this checkout'
if (skip !== false) console.log(`skipped: ${skip}`)

test('an ordinary user loads, calls and holds ready what they have installed', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-rootless-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const publisher = await authority()
  const source =
    'import bulkhead_plugin\nbulkhead_plugin.serve({"config": lambda params, context: bulkhead_plugin.config()})'
  const config = { key: { type: 'string', secret: true, required: true } }
  const { tarball, bundle } = publisher.publish(pythonSpeaker(source, { config }))
  const path = writeRelease(join(folder, 'dist'), tarball, bundle)
  const key = join(folder, 'acme.pub')
  writeFileSync(key, formatPublicKey(publisher.key.publicKey, 'acme'))
  mkdirSync(join(folder, 'home'), { mode: 0o700 })
  for (const one of ['', 'home', 'dist', 'dist/release.tgz', 'dist/release.tgz.sigstore.json', 'acme.pub'])
    chownSync(join(folder, one), CALLER, CALLER)
  const { status, stdout, stderr } = as(CALLER, folder, [HOST, join(folder, 'home'), path, key])
  assert.equal(status, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), {
    told: { key: 'the-secret' },
    answer: '{"jsonrpc":"2.0","id":1,"result":{"key":"the-secret"}}\n',
    health: 'ok',
  })
})
