// Says who signed a release and whether they may, and that every byte is what they signed.
// Refuses whatever is unclear: an unknown signer, a second reading of the same bytes, an error of its own.
// The manager calls it; it knows no other room, and gets the archive reader and the host's history handed in.
export { BUNDLE_MAX_BYTES, parseBundles } from './bundle.ts'
export type { KeyId, PublicKey } from './ed25519.ts'
export {
  formatPublicKey,
  type KeyFiles,
  type PublicKeyFile,
  parsePublicKey,
  readPublicKey,
  readSecretKey,
  writeKeyFiles,
} from './keyfile.ts'
export { assertOwn, assertSafePath, type PathStep, pathDanger } from './path-safety.ts'
export { parsePolicy, TrustPolicy } from './policy.ts'
export type { PolicyDocument, Principal, Revocation, Rule } from './policy-document.ts'
export {
  grant,
  listTrust,
  type PolicyEdit,
  revoke,
  type TrustEntry,
  type TrustGrant,
  withdraw,
} from './policy-edits.ts'
export { readSafeFile } from './safe-file.ts'
export { generateKey, type SecretKey } from './secret-key.ts'
export { signPayload } from './sign.ts'
export { differences, type FileDifferences, signedFilesOf } from './signed-files.ts'
export { buildStatement } from './statement.ts'
export { TrustFile } from './trustfile.ts'
export { type Examination, type Verdict, Verifier, type VerifierParts, type Wanted } from './verifier.ts'
