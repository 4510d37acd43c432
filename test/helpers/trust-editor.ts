// A process that adds rules to a trust file, one edit each: `trust-editor.ts FILE NAMESPACE COUNT`.
import { generateKey, grant, TrustFile } from '../../src/verify/index.ts'

const [path = '', namespace = '', count = '0'] = process.argv.slice(2)
const file = new TrustFile(path, process.geteuid?.() ?? 0)
const { publicKey } = await generateKey()
for (let n = 0; n < Number(count); n++) {
  await file.edit((document) => grant(document, { credential: { publicKey }, pattern: `${namespace}/n${n}` }))
}
