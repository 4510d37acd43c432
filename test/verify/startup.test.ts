import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { formatPolicy } from '../../src/verify/policy.ts'
import { authority, trusting } from '../helpers/authority.ts'

const top = mkdtempSync('/tmp/bulkhead-startup-')
after(() => rmSync(top, { recursive: true }))

test('what a run needs loads neither tweetnacl nor semver', async () => {
  const alice = await authority()
  writeFileSync(join(top, 'bundle'), alice.publish().bundle)
  writeFileSync(join(top, 'trust.json'), formatPolicy(trusting([alice]).document))
  const script = `
    import { createRequire } from 'node:module'
    import { readFileSync } from 'node:fs'
    import { TrustFile, Verifier } from ${JSON.stringify(join(import.meta.dirname, '../../src/verify/index.ts'))}
    const policy = new TrustFile(${JSON.stringify(join(top, 'trust.json'))}, process.geteuid()).read()
    const verifier = new Verifier({ policy, now: () => new Date() })
    verifier.reverify(readFileSync(${JSON.stringify(join(top, 'bundle'))}), { name: 'acme/hello', version: '1.0.0' })
    console.log(Object.keys(createRequire(import.meta.url).cache).join('\\n'))`
  const loaded = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.doesNotMatch(loaded, /tweetnacl|semver/)
})
