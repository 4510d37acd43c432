import type { SchemaFault } from '../core/faults.ts'
import { KEY_ID, keyFault, keyIdOf } from './ed25519.ts'
import type { PolicyDocument, Rule } from './policy-document.ts'
import { identityId } from './revocation-target.ts'

/** What is wrong with a document whose every part is in good form: keys that are none, ids that lead to nobody or to two. */
export function policyFaults(document: PolicyDocument): readonly SchemaFault[] {
  return [...credentialFaults(document), ...referenceFaults(document)]
}

function credentialFaults({ principals }: PolicyDocument): SchemaFault[] {
  const faults: SchemaFault[] = []
  const holders = new Map<string, string>()
  // One credential under two principals would be two signers of one signature.
  const claim = (id: string, principal: string, path: string, what: string) => {
    const holder = holders.get(id)
    if (holder !== undefined) faults.push({ path, message: `is ${what} of ${holder} already` })
    holders.set(id, principal)
  }
  for (const [p, principal] of principals.entries()) {
    for (const [k, key] of principal.keys.entries()) {
      const path = `principals[${p}].keys[${k}]`
      const raw = Buffer.from(key.publicKey, 'base64')
      const fault = raw.toString('base64') === key.publicKey ? keyFault(raw) : 'is not canonical base64 with padding'
      if (fault !== null) faults.push({ path: `${path}.publicKey`, message: fault })
      else if (keyIdOf(raw) !== key.id) faults.push({ path: `${path}.id`, message: `must be ${keyIdOf(raw)}` })
      claim(key.id, principal.id, `${path}.id`, 'a key')
    }
    for (const [i, { issuer, identity }] of principal.identities.entries()) {
      claim(identityId(issuer, identity), principal.id, `principals[${p}].identities[${i}].identity`, 'an identity')
    }
  }
  // An id that is a key's id must be that key's, or `revoke` of it would hit somebody else.
  for (const [p, { id, keys }] of principals.entries()) {
    if (KEY_ID.test(id) && !keys.some((key) => key.id === id)) {
      faults.push({ path: `principals[${p}].id`, message: 'is the id of a key that this principal does not hold' })
    }
  }
  return faults
}

function referenceFaults({ principals, rules }: PolicyDocument): SchemaFault[] {
  const faults: SchemaFault[] = []
  const known = new Set<string>()
  for (const [p, { id }] of principals.entries()) {
    if (known.has(id)) faults.push({ path: `principals[${p}].id`, message: `is there twice: ${id}` })
    known.add(id)
  }
  const patterns = new Set<string>()
  for (const [r, rule] of rules.entries()) {
    if (patterns.has(rule.pattern)) {
      faults.push({ path: `rules[${r}].pattern`, message: `is there twice: ${rule.pattern}` })
    }
    patterns.add(rule.pattern)
    faults.push(...ruleFaults(rule, `rules[${r}]`, known))
  }
  return faults
}

function* ruleFaults(rule: Rule, at: string, known: ReadonlySet<string>): Generator<SchemaFault> {
  for (const list of ['principals', 'countersigners', 'predicates'] as const) {
    const listed = new Set<string>()
    for (const [i, id] of (rule[list] ?? []).entries()) {
      const path = `${at}.${list}[${i}]`
      if (list !== 'predicates' && !known.has(id)) yield { path, message: `names no principal: ${id}` }
      if (listed.has(id)) yield { path, message: `is there twice: ${id}` }
      listed.add(id)
    }
  }
}
