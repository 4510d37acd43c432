// Says who signed a release and whether they may, and that every byte is what they signed.
// Refuses whatever is unclear: an unknown signer, a second reading of the same bytes, an error of its own.
// The manager calls it; it knows no other room, and gets the archive reader and the host's history handed in.
export { BUNDLE_MAX_BYTES, parseBundles } from './bundle.ts'
export { type ClosedRule, closedRules } from './closed-rules.ts'
export { buildCountersignature, type Countersignature, parseCountersignature } from './countersignature.ts'
export type { KeyId, PublicKey } from './ed25519.ts'
export { withFileLock } from './file-lock.ts'
export {
  formatPublicKey,
  type KeyFiles,
  type PublicKeyFile,
  parsePublicKey,
  readPublicKey,
  readSecretKey,
  writeKeyFiles,
} from './keyfile.ts'
export type { RootEntry, RootFiles } from './keyless/root-files.ts'
export { assertOwn, assertSafePath, type PathStep, pathDanger } from './path-safety.ts'
export { readPlainFile } from './plain-file.ts'
export { POLICY_MAX_BYTES, parsePolicy, policyOf, rootOf, TrustPolicy } from './policy.ts'
export { policyChanges } from './policy-changes.ts'
export type {
  PolicyDocument,
  Principal,
  PrincipalKind,
  Revocation,
  Rule,
  TrustedIdentity,
  TrustedKey,
  Window,
} from './policy-document.ts'
export {
  type PolicyEdit,
  type RevocationRequest,
  revoke,
  withdraw,
} from './policy-edits.ts'
export { type Credential, grant, type TrustGrant } from './policy-grant.ts'
export {
  type ProvenRotation,
  type RotatedPolicy,
  type RotationEffect,
  readRotation,
  rotate,
  rotationRefused,
} from './policy-rotation.ts'
export { readRecordedFiles } from './recorded-files.ts'
export { replaceFile } from './replaced-file.ts'
export { parseTarget } from './revocation-target.ts'
export { openRootFiles, type Roots, rootsIn } from './roots.ts'
export { buildRotation, parseRotation, type Rotation, type RotationStatement, rotationSigner } from './rotation.ts'
export { readSafeFile } from './safe-file.ts'
export { generateKey, type SecretKey } from './secret-key.ts'
export { signPayload, signPayloadWithTime } from './sign.ts'
export { agreedPayload, readSignatureLines, type SignatureLine, type StatedFacts } from './signature-lines.ts'
export { differences, type FileDifferences, signedFilesOf } from './signed-files.ts'
export type { ServiceChoice } from './signing/services.ts'
export { buildStatement } from './statement.ts'
export { listTrust, type TrustEntry, type TrustedPattern } from './trust-list.ts'
export { TrustFile } from './trustfile.ts'
export { type Allowance, type KeptAllowance, parseAllowance } from './unsigned.ts'
export { parseUtcTime } from './utc-time.ts'
export {
  type Examination,
  type Kept,
  orThrow,
  type Verdict,
  Verifier,
  type VerifierParts,
  type Wanted,
} from './verifier.ts'
