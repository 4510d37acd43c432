import type { VerbGroup } from './verb.ts'

const PASSPHRASE_FILE = {
  form: '--passphrase-file <FILE>',
  what: 'read the passphrase from the first line of FILE',
  kind: 'file',
} as const

export const AUTHORS: VerbGroup = {
  title: 'For authors',
  verbs: [
    {
      name: 'init',
      elsewhere: ['new', 'create'],
      what: 'write a small working plugin into a new folder',
      operands: [{ form: '<dir>', kind: 'folder' }],
      flags: [
        { form: '--name <NAME>', what: 'namespace/name', isRequired: true },
        {
          form: '--runtime <RUNTIME>',
          what: 'exec, node or python',
          kind: ['exec', 'node', 'python'],
          default: 'node',
        },
        {
          form: '--protocol <PROTOCOL>',
          what: 'stdio, or jsonrpc with the kit beside it',
          kind: ['stdio', 'jsonrpc'],
          default: 'stdio',
        },
      ],
      examples: [
        ['plugins init hello --name acme/hello', 'a plugin for Node in ./hello'],
        ['plugins init count --name acme/count --runtime python', 'one for Python'],
        ['plugins init hello --name acme/hello --protocol jsonrpc', 'one that a host application loads and calls'],
      ],
      load: async () => (await import('../commands/authors.ts')).init,
    },
    {
      name: 'validate',
      elsewhere: ['check', 'lint'],
      what: 'check a plugin folder: every fault at once, with its path',
      operands: [{ form: '<dir>', kind: 'folder' }],
      examples: [
        ['plugins validate hello', 'everything that pack checks; nothing is written'],
        ['plugins --json validate hello', 'the faults as data, in error.details.faults'],
      ],
      load: async () => (await import('../commands/authors.ts')).validate,
    },
    {
      name: 'schema',
      what: 'print the JSON Schema of plugin.json',
      examples: [['plugins schema > plugin-1.schema.json', 'for an editor that completes and checks']],
      load: async () => (await import('../commands/authors.ts')).schema,
    },
    {
      name: 'pack',
      elsewhere: ['build', 'package'],
      what: 'pack a plugin folder into a tarball: the same bytes on every machine',
      operands: [{ form: '<dir>', kind: 'folder' }],
      flags: [{ form: '--out <DIR>', what: 'where the tarball goes', kind: 'folder', default: '.' }],
      examples: [
        ['plugins pack hello --out dist', 'writes dist/acme-hello-1.0.0.tgz and prints its digest'],
        ['plugins --json pack hello', 'name, version, path and digest as data'],
      ],
      load: async () => (await import('../commands/authors.ts')).pack,
    },
    {
      name: 'keygen',
      what: 'make an Ed25519 key pair: PREFIX.key (secret, encrypted) and PREFIX.pub',
      flags: [
        { form: '--out <PREFIX>', isRequired: true },
        { form: '--no-passphrase', what: 'leave the secret key unencrypted, for automation' },
        PASSPHRASE_FILE,
      ],
      examples: [
        ['plugins keygen --out acme', 'asks for a passphrase; writes acme.key and acme.pub'],
        ['plugins keygen --out ci --no-passphrase', 'for automation: whoever reads ci.key can sign'],
      ],
      load: async () => (await import('../commands/authors.ts')).keygen,
    },
    {
      name: 'sign',
      what: 'sign a tarball, or add a signature to it: writes TARBALL.sigstore.json, or .jsonl for several',
      operands: [{ form: '<tarball>', kind: 'tarball' }],
      flags: [
        { form: '--key <FILE>', what: 'secret key file', kind: 'file' },
        PASSPHRASE_FILE,
        { form: '--keyless', what: 'sign as who you are to an identity provider; the log that shows it is public' },
        {
          form: '--identity-token <TOKEN>',
          what: '@FILE, or - for standard input; without it the CI system is asked',
        },
        { form: '--audience <NAME>', what: 'for whom the token is made', default: 'sigstore' },
        { form: '--fulcio-url <URL>', what: 'certificate authority of a private Sigstore' },
        { form: '--rekor-url <URL>', what: 'its transparency log' },
        { form: '--rekor-version <N>', what: 'API of the log', kind: ['1', '2'], default: '1' },
        { form: '--timestamp-url <URL>', what: 'RFC 3161 authority that says when it was signed' },
        { form: '--countersign', what: 'sign that you, who are not the publisher, have looked at it' },
        { form: '--note <TEXT>', what: 'what a countersignature says' },
        { form: '--sequence <N>', what: "the publisher's own counter, for information" },
        { form: '--expires <DATE>', what: 'when the statement ends, ISO 8601' },
        { form: '--force', what: 'replace your own signature that is there, and no other' },
      ],
      examples: [
        ['plugins sign dist/acme-hello-1.0.0.tgz --key acme.key', 'with your key'],
        ['plugins sign dist/acme-hello-1.0.0.tgz --keyless', 'in a CI system, as the workflow that runs'],
        [
          'plugins sign dist/acme-hello-1.0.0.tgz --key review.key --countersign --note "read on Monday"',
          'as a reviewer',
        ],
      ],
      load: async () => (await import('../commands/sign.ts')).sign,
    },
    {
      name: 'rotate',
      what: 'say with the old key which key takes its place: a file for the hosts that trust the old one',
      flags: [
        { form: '--old <FILE>', what: 'secret key file of the key that goes', kind: 'file', isRequired: true },
        { form: '--new <FILE>', what: 'public key file of the key that comes', kind: 'file', isRequired: true },
        { form: '--out <FILE>', kind: 'file', isRequired: true },
        PASSPHRASE_FILE,
        { form: '--valid-from <DATE>', what: 'from when the new key may sign, ISO 8601' },
        { form: '--old-valid-until <DATE>', what: 'from when the old key may not, ISO 8601' },
      ],
      examples: [
        ['plugins rotate --old acme.key --new acme2.pub --out acme.rotation.json', 'both keys may sign'],
        [
          'plugins rotate --old acme.key --new acme2.pub --out acme.rotation.json --old-valid-until 2031-01-31',
          'until then',
        ],
      ],
      load: async () => (await import('../commands/sign.ts')).rotate,
    },
  ],
}
