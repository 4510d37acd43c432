// What the run's script loads only when it is needed: packages that stay packages, and parts of its own.

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { PluginManager } from '../../src/manager.ts'
import { buildStatement } from '../../src/verify/index.ts'
import { workflow } from '../helpers/sigstore/issuer.ts'
import { keylessLine } from '../helpers/sigstore/keyless.ts'
import { startSigstore } from '../helpers/sigstore/sigstore.ts'
import { agree, HELLO, writeRelease } from '../manager/household.ts'
import { shell } from './cli.ts'

const sigstore = await startSigstore()
after(() => sigstore.close())
const identity = `https://github.com/${String(workflow('acme/plugins').job_workflow_ref)}`

test('a run of what was signed without keys verifies certificate and log, and refuses it when its root is gone', async (t) => {
  const own = await shell(t)
  mkdirSync(own.layout.roots, { mode: 0o755 })
  const root = join(own.layout.roots, 'local.json')
  writeFileSync(root, sigstore.trustedRootBytes)
  {
    await using manager = await PluginManager.open({ home: own.layout.home })
    const { issuer } = sigstore.urls
    await manager.trust.addIdentity({ issuer, identity, root: 'local' }, { pattern: HELLO, principal: 'ci' })
    const release = own.publisher.publish()
    const bundle = await keylessLine(sigstore, buildStatement(release.statement))
    await manager.install(writeRelease(join(own.folder, 'keyless'), release.tarball, bundle), { consent: agree })
  }
  const good = own.plugins(['run', HELLO, '--dry-run'])
  assert.equal(good.stderr, '')
  assert.equal(JSON.parse(good.stdout).name, HELLO)

  await using elsewhere = await startSigstore()
  writeFileSync(root, elsewhere.trustedRootBytes)
  const bad = own.plugins(['run', HELLO, '--dry-run'])
  assert.match(bad.stderr, /^plugins: cannot rely on the transparency log: /)
  assert.equal(bad.code, 3)
})

test('a run reads config.json, and a revocation of versions', async (t) => {
  const own = await shell(t)
  assert.equal(own.plugins(['install', own.publish(), '--yes']).code, 0)
  const configure = (text: string) => writeFileSync(join(own.layout.home, 'config.json'), text, { mode: 0o600 })
  const limits = () => JSON.parse(own.plugins(['run', HELLO, '--dry-run']).stdout).limits
  const before = limits()
  configure('{"profile":"strict"}')
  assert.ok(limits().filesMax.value < before.filesMax.value)
  configure('{"profile":"lax"}')
  assert.match(own.plugins(['run', HELLO, '--dry-run']).stderr, /config\.json/)
  configure('{}')
  assert.equal(own.plugins(['trust', 'revoke', `${HELLO}@<1.0.0`, '--reason', 'old']).code, 0)
  assert.equal(own.plugins(['run', HELLO, '--dry-run']).stderr, '')
})
