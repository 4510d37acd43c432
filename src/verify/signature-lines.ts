import { VerificationError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import type { ReleaseStatement, Subject } from '../core/statement.ts'
import { parseAttestation } from './attestation.ts'
import { type Bundle, parseBundles } from './bundle.ts'
import { readIdentity } from './keyless/identity.ts'
import { sameStatement } from './statement.ts'

/** One line of a bundle file, as whoever adds another has to know it. */
export interface SignatureLine {
  readonly bytes: Buffer
  /** A key id, or issuer and identity: what the line claims, for nobody has checked its signature here. */
  readonly signer: string
  readonly says:
    | { readonly kind: 'release'; readonly statement: ReleaseStatement; readonly payload: Buffer }
    | { readonly kind: 'countersignature'; readonly subject: Subject }
    /** Another tool's statement; it is kept as it is. */
    | { readonly kind: 'other' }
}

/** What a release of these bytes would state, apart from what its publisher chooses. */
export type StatedFacts = Omit<ReleaseStatement, 'sequence' | 'publishedAt' | 'expiresAt'>

/**
 * The signatures beside a tarball, for an author who adds one. Each line that hosts would refuse is refused here, since
 * one of them spoils the file: it must be about this tarball, and all must state the same.
 * @throws VerificationError `BUNDLE_MALFORMED`, `STATEMENT_INVALID`, `DIGEST_MISMATCH`, `SUBJECT_MISMATCH`, `ARCHIVE_MISMATCH`
 */
export function readSignatureLines(bytes: Uint8Array): readonly SignatureLine[] {
  return parseBundles(bytes).map((bundle) => ({
    bytes: Buffer.from(`${JSON.stringify(bundle.json)}\n`),
    signer: signerOf(bundle),
    says: sayingOf(bundle),
  }))
}

export function signerOf({ material }: Bundle): string {
  if (material.kind === 'key') return printable(material.hint, 200)
  const { issuer, identity } = readIdentity(material.der)
  return `${identity} (${issuer})`
}

function sayingOf({ payloadType, payload }: Bundle): SignatureLine['says'] {
  const attestation = parseAttestation(payloadType, payload)
  switch (attestation.kind) {
    case 'release':
      return { kind: 'release', statement: attestation.statement, payload }
    case 'countersignature':
      return { kind: 'countersignature', subject: attestation.statement }
    case 'foreign':
      return { kind: 'other' }
  }
}

/**
 * The statement that a further signer signs: the very bytes that are there, once it is certain that they describe this
 * tarball. `null` when no release statement is among the lines.
 * @throws VerificationError `DIGEST_MISMATCH`, `SUBJECT_MISMATCH`, `ARCHIVE_MISMATCH`, `STATEMENT_INVALID`
 */
export function agreedPayload(lines: readonly SignatureLine[], facts: StatedFacts): Buffer | null {
  let agreed: { statement: ReleaseStatement; payload: Buffer } | null = null
  for (const { says, signer } of lines) {
    if (says.kind === 'other') continue
    if (says.kind === 'countersignature') {
      assertSubject(says.subject, facts, signer)
      continue
    }
    assertDescribes(says.statement, facts, signer)
    if (agreed !== null && !sameStatement(agreed.statement, says.statement)) {
      throw new VerificationError(
        'STATEMENT_INVALID',
        `cannot add a signature: expected all signers to state the same, found that ${signer} does not`,
        { hint: 'a further signer signs the statement of the first; take the other line out of the bundle file' },
      )
    }
    agreed ??= says
  }
  return agreed?.payload ?? null
}

const HINT = 'the bundle beside this tarball belongs to another; move it away to sign anew'

function assertSubject(stated: Subject, facts: StatedFacts, signer: string): void {
  if (stated.sha256 !== facts.sha256 || stated.sha512 !== facts.sha512) {
    throw new VerificationError(
      'DIGEST_MISMATCH',
      `cannot add a signature: what ${signer} signed is about the tarball with sha256 ${stated.sha256}, and this one has ${facts.sha256}`,
      { hint: HINT },
    )
  }
  if (stated.name === facts.name && stated.version === facts.version) return
  throw new VerificationError(
    'SUBJECT_MISMATCH',
    `cannot add a signature: what ${signer} signed names ${stated.name} ${stated.version}, and the manifest ${facts.name} ${facts.version}`,
    { hint: HINT },
  )
}

function assertDescribes(stated: ReleaseStatement, facts: StatedFacts, signer: string): void {
  assertSubject(stated, facts, signer)
  const isSame =
    stated.manifestDigest === facts.manifestDigest && JSON.stringify(stated.files) === JSON.stringify(facts.files)
  if (isSame) return
  throw new VerificationError(
    'ARCHIVE_MISMATCH',
    `cannot add a signature: what ${signer} signed lists other files than the tarball holds`,
    { hint: 'do not sign it: nobody could install it' },
  )
}
