import type { Verb } from './verb.ts'

const ROOT: Verb = {
  name: 'root',
  what: 'Sigstore instances whose certificates and timestamps count here',
  verbs: [
    {
      name: 'add',
      what: 'take over the trusted root of a Sigstore instance, to check it offline',
      operands: [{ form: '<file>', what: "that instance's trusted_root.json", kind: 'file' }],
      flags: [{ form: '--name <NAME>', what: 'what identities are bound to (default: from the file name)' }],
      examples: [
        ['plugins trust root add acme.trusted_root.json', 'as the root "acme"'],
        ['plugins trust root add trusted_root.json --name acme', 'the same, by name'],
      ],
      load: async () => (await import('../commands/trust-root.ts')).rootAdd,
    },
    {
      name: 'list',
      what: 'those that are there; public-good comes with Bulkhead',
      examples: [['plugins trust root list', 'each with its digest']],
      load: async () => (await import('../commands/trust-root.ts')).rootList,
    },
    {
      name: 'remove',
      what: 'take one out again',
      operands: [{ form: '<name>' }],
      examples: [['plugins trust root remove acme', 'nothing new may rest on it']],
      load: async () => (await import('../commands/trust-root.ts')).rootRemove,
    },
  ],
}

export const TRUST: Verb = {
  name: 'trust',
  what: 'who may sign what: reads and edits trust.json',
  verbs: [
    {
      name: 'add',
      what: 'let a key, or an identity without keys, sign plugins whose name matches a pattern',
      operands: [{ form: '[pubkey]', what: 'public key file', kind: 'file' }],
      flags: [
        { form: '--for <PATTERN>', what: "acme/hello, 'acme/*' or '*/*'", isRequired: true },
        {
          form: '--principal <NAME>',
          what: 'who signs with it: several keys and identities of one principal count once',
        },
        { form: '--threshold <N>', what: 'how many distinct principals must sign' },
        { form: '--from <DATE>', what: 'new installs may rest on it from then on' },
        { form: '--until <DATE>', what: 'new installs may rest on it until then' },
        { form: '--countersigner', what: 'its countersignature is needed beside the signatures of publishers' },
        { form: '--predicate <TYPE...>', what: 'accept statements of this type by other tools too' },
        { form: '--keyless', what: 'trust an identity that certificates vouch for (Sigstore) instead of a key' },
        { form: '--issuer <URL>', what: 'with --keyless: who vouched for the identity, exactly' },
        { form: '--identity <SAN>', what: 'with --keyless: the e-mail address or workflow, exactly' },
        {
          form: '--root <NAME>',
          what: 'with --keyless: the trusted root whose authorities count (default: public-good)',
        },
        {
          form: '--repository-id <N>',
          what: "with --keyless: the repository's number, which a new owner of its name has not",
        },
        { form: '--owner-id <N>', what: "with --keyless: the owner's number" },
      ],
      examples: [
        ["plugins trust add acme.pub --for 'acme/*'", 'whatever is called acme/…, signed by this key'],
        [
          'plugins trust add --keyless --issuer https://accounts.example --identity ada@acme.example --for acme/hello',
          'signed by Ada, without a key',
        ],
        ["plugins trust add review.pub --for 'acme/*' --countersigner", 'and looked at by a reviewer'],
      ],
      load: async () => (await import('../commands/trust.ts')).trustAdd,
    },
    {
      name: 'list',
      what: 'who may sign what',
      operands: [{ form: '[name]', what: 'only what decides about this plugin', kind: 'plugin' }],
      examples: [
        ['plugins trust list', 'every rule, principal and revocation'],
        ['plugins trust list acme/hello', 'what decides about one plugin'],
      ],
      load: async () => (await import('../commands/trust.ts')).trustList,
    },
    {
      name: 'remove',
      what: 'take a principal or a key out of the policy',
      operands: [{ form: '<id>' }],
      flags: [{ form: '--for <PATTERN>', what: 'only there' }],
      examples: [
        ['plugins trust remove acme', 'nowhere any more'],
        ["plugins trust remove acme --for 'acme/beta-*'", 'only for these'],
      ],
      load: async () => (await import('../commands/trust.ts')).trustRemove,
    },
    {
      name: 'revoke',
      what: 'never again accept a key, an identity, a principal, releases or a tarball: not to install, not to run',
      operands: [
        {
          form: '<target>',
          what: 'key id, principal, "ISSUER IDENTITY", NAME@VERSION, "NAME@RANGE" or sha256:DIGEST',
        },
      ],
      flags: [
        { form: '--reason <TEXT>', isRequired: true },
        {
          form: '--since <DATE>',
          what: 'compromised since then: spares what carries a trusted timestamp from before',
        },
        { form: '--stop', what: 'also end what runs of it' },
      ],
      examples: [
        ["plugins trust revoke 'acme/hello@<1.2.0' --reason 'reads what it should not' --stop", 'old releases'],
        ["plugins trust revoke acme --reason 'key stolen' --since 2031-01-31", 'everything signed since then'],
      ],
      load: async () => (await import('../commands/trust-revoke.ts')).trustRevoke,
    },
    {
      name: 'rotate',
      what: 'let a new key sign beside an old one that vouches for it, as its publisher asks in FILE',
      operands: [{ form: '<file>', what: 'made with: plugins rotate', kind: 'file' }],
      flags: [{ form: '--yes', what: 'agree to what it changes' }],
      examples: [['plugins trust rotate acme.rotation.json', 'shows what would change, and asks']],
      load: async () => (await import('../commands/trust-rotate.ts')).trustRotate,
    },
    {
      name: 'simulate',
      what: 'what a change would come to for everything that is installed; nothing is written',
      operands: [{ form: '[file]', what: 'a whole trust.json to be', kind: 'file' }],
      flags: [
        { form: '--revoke <TARGET>', what: 'as plugins trust revoke would' },
        { form: '--since <DATE>', what: 'with --revoke: compromised since then' },
        { form: '--remove <ID>', what: 'as plugins trust remove would' },
        { form: '--for <PATTERN>', what: 'with --remove: only there' },
      ],
      examples: [
        ["plugins trust simulate --revoke 'acme/hello@<1.2.0'", 'who would be put away'],
        ['plugins trust simulate new-trust.json', 'the same for a whole new policy'],
      ],
      load: async () => (await import('../commands/trust-simulate.ts')).trustSimulate,
    },
    {
      name: 'clock',
      what: 'this clock, and the latest moment it has shown: behind that, nothing is judged',
      flags: [
        { form: '--reset', what: 'the latest moment was a wrong one: forget it (recorded)' },
        { form: '--reason <TEXT>', what: 'why' },
      ],
      examples: [
        ['plugins trust clock', 'both times'],
        ["plugins trust clock --reset --reason 'the clock was set to 2099 by mistake'", 'takes the clock as it is now'],
      ],
      load: async () => (await import('../commands/clock.ts')).trustClock,
    },
    ROOT,
  ],
}
