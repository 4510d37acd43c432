import type { Section } from '../manual/page.ts'

export const trust: readonly Section[] = [
  {
    title: 'Rules',
    parts: [
      'A host trusts nobody until its operator says so. A rule of trust.json has a pattern of names, and the principals that may sign what it names: keys, or identities that certificates vouch for, compared exactly.',
      'One rule decides about a name: acme/hello before acme/*, and that before */*. They are never added up. Without a rule a plugin is refused.',
      'A threshold counts distinct principals, however many keys each has. Countersigners are needed beside publishers, and count for none of them.',
      {
        examples: [
          ["plugins trust add acme.pub --for 'acme/*'", 'one key for all that is called acme/…'],
          ['plugins trust add audit.pub --for acme/payments --principal auditors --threshold 2', 'two have to sign'],
        ],
      },
    ],
  },
  {
    title: 'Taking it back',
    parts: [
      'What is removed from trust.json does not run any more. What is revoked is put away as well, with its data kept: plugins list shows it in quarantine, and plugins enable takes it out if it is found good.',
      {
        examples: [
          ["plugins trust simulate --revoke 'acme/hello@<1.2.0'", 'what a revocation would come to'],
          ["plugins trust revoke 'acme/hello@<1.2.0' --reason 'leaks its token' --stop", 'never again'],
        ],
      },
    ],
  },
]
