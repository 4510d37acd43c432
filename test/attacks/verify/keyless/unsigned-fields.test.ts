// Much of a log entry is signed by nobody: what it says beside the proof has to agree with the proof, or it may say
// anything (a place in the log, a time, the size of the tree) to whoever reads it afterwards.

import { test } from 'node:test'
import { changed } from '../../../helpers/edited.ts'
import { assertOnlyWeRefuse, Forge } from '../../../helpers/forge.ts'

const forge = new Forge()
const document = forge.sign()
const ENTRY = ['verificationMaterial', 'tlogEntries', 0] as const
const PROOF = [...ENTRY, 'inclusionProof'] as const
const [entry] = document.verificationMaterial.tlogEntries
const envelope = entry?.inclusionProof.checkpoint.envelope ?? ''
const other = Buffer.alloc(32, 1).toString('base64')

const FIELDS: readonly [string, readonly (string | number)[], string, RegExp][] = [
  ['another root hash', [...PROOF, 'rootHash'], other, /different trees/],
  ['another tree size', [...PROOF, 'treeSize'], '99999', /different trees/],
  ['another place than its proof', [...ENTRY, 'logIndex'], '7', /different places/],
  ['a time that nobody promised', [...ENTRY, 'integratedTime'], '1700000000', /no promise vouches for/],
]
for (const [title, path, value, message] of FIELDS) {
  test(`refuses an entry with ${title}`, async () => {
    await assertOnlyWeRefuse(changed(document, path, value), forge.trustedRoot, { code: 'LOG_INVALID', message })
  })
}

const line = envelope.slice(envelope.indexOf('\n\n') + 2)
const NOTES: readonly [string, string, RegExp][] = [
  // The library takes any part of the log's URL for its name.
  ['signed by a part of the name', envelope.replace('\u2014 log.forge.test', '\u2014 forge.test'), /signed once by/],
  ['signed twice', envelope + line, /signed once by/],
  ['with text between the signatures', `${envelope}nobody signed this\n`, /no signature/],
  ['with text behind them', `${envelope}x`, /not a signed note/],
]
for (const [title, note, message] of NOTES) {
  test(`refuses a checkpoint ${title}`, async () => {
    const edited = changed(document, [...PROOF, 'checkpoint', 'envelope'], note)
    await assertOnlyWeRefuse(edited, forge.trustedRoot, { code: 'LOG_INVALID', message })
  })
}
