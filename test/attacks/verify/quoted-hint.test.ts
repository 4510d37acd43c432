// A hint is a command to copy. What a stranger wrote stands in it between quotes, and may hold one: then the rest of
// their text is a command of theirs.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import type { PluginError } from '../../../src/core/errors.ts'
import { STATEMENT_TYPE } from '../../../src/core/statement.ts'
import { authority, packed, staged, trusting } from '../../helpers/authority.ts'
import { verifierFor } from '../../helpers/examine.ts'
import { FORGED, Forge, GOOD, uri } from '../../helpers/forge.ts'
import { utf8 } from '../../helpers/sigstore/der.ts'
import { alternativeNames, extension } from '../../helpers/sigstore/x509.ts'

const alice = await authority()
const INJECTED = "https://x';id;'"

async function refusalOf(bundle: Buffer): Promise<PluginError> {
  const { verdict } = await verifierFor(trusting([alice])).examine(staged(packed(), bundle))
  assert.ok(!verdict.ok)
  return verdict.error
}

/** What a shell does with the command in the hint, `plugins` being `true`. */
function pasted({ hint = '' }: PluginError): string {
  const at = hint.indexOf('plugins trust add')
  if (at < 0) return ''
  return execFileSync('/bin/sh', ['-c', `plugins() { :; }\n${hint.slice(at)}`], { encoding: 'utf8' })
}

const { usage, purpose, names, issuer } = GOOD
const certified = (extensions: readonly Buffer[]) =>
  Buffer.from(JSON.stringify(new Forge().sign(undefined, { extensions })))

test('no name or issuer in a certificate runs as a command when the hint is copied', async () => {
  const byName = await refusalOf(certified([usage, purpose, alternativeNames([uri(INJECTED)]), issuer]))
  assert.equal(byName.code, 'SIGNER_NOT_TRUSTED')
  assert.equal(pasted(byName), '')
  const byIssuer = await refusalOf(
    certified([usage, purpose, names, extension('1.3.6.1.4.1.57264.1.8', utf8(INJECTED))]),
  )
  assert.equal(byIssuer.code, 'SIGNER_NOT_TRUSTED')
  assert.equal(pasted(byIssuer), '')
})

test('no type of a statement does', async () => {
  const { sha256 } = staged(packed(), null)
  const statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: 'x', digest: { sha256 } }],
    predicateType: INJECTED,
    predicate: {},
  }
  const refusal = await refusalOf(alice.sign(statement))
  assert.equal(refusal.code, 'PREDICATE_NOT_ACCEPTED')
  assert.equal(pasted(refusal), '')
})

test('a name that is cut off is no name to copy', async () => {
  const long = `${FORGED.identity}/${'x'.repeat(400)}`
  const refusal = await refusalOf(certified([usage, purpose, alternativeNames([uri(long)]), issuer]))
  assert.doesNotMatch(refusal.hint ?? '', /…'/)
})

test('an honest name stands in the hint whole', async () => {
  const refusal = await refusalOf(certified([usage, purpose, names, issuer]))
  assert.match(refusal.hint ?? '', new RegExp(`--issuer '${FORGED.issuer}' --identity '${FORGED.identity}'`))
})
