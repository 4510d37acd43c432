import { INSTALL, REMOVE } from './lifecycle.ts'
import { SEARCH } from './registries.ts'
import { TRUST } from './trust.ts'
import type { VerbGroup } from './verb.ts'

export const HOSTS: VerbGroup = {
  title: 'For hosts',
  verbs: [
    TRUST,
    {
      name: 'verify',
      what: 'check a tarball, an installed plugin, or all of them',
      operands: [{ form: '[target]', what: 'X.tgz, or NAME of an installed plugin', kind: 'tarball-or-plugin' }],
      flags: [
        { form: '--all', what: 'every installed plugin' },
        { form: '--quarantine', what: 'with --all: put away what is not to be trusted any more' },
        { form: '--explain', what: 'a row per check' },
      ],
      examples: [
        ['plugins verify dist/acme-hello-1.0.0.tgz --explain', 'before it is installed'],
        ['plugins verify --all --quarantine', 'every night, by a timer'],
      ],
      load: async () => (await import('../commands/verify.ts')).verify,
    },
    SEARCH,
    INSTALL,
    {
      name: 'list',
      alias: 'ls',
      what: 'what is installed',
      examples: [
        ['plugins list', 'a line each'],
        ["plugins list --json | jq -r '.[].name'", 'their names, for a script'],
      ],
      load: async () => (await import('../commands/installed.ts')).list,
    },
    {
      name: 'info',
      elsewhere: ['show', 'inspect', 'view'],
      what: 'everything known about a plugin: of this host, or of its registry where it is not installed',
      operands: [{ form: '[name]', kind: 'plugin' }],
      flags: [
        {
          form: '--signers',
          what: 'who signed it and what it was judged by, running releases too; without a name, of all',
        },
        { form: '--versions', what: 'what its registry lists of it, though it is installed' },
        {
          form: '--registry <R>',
          what: 'the same of a configured one by its name, a folder or an address, in the place of all',
        },
      ],
      examples: [
        [
          'plugins info acme/hello',
          'permissions, limits, where its files are; what is listed of it, if it is not here',
        ],
        ['plugins info acme/hello --versions', 'what there is of one that is installed'],
        ['plugins info --signers --json', 'the provenance of everything that is installed'],
      ],
      more: ['What a registry lists is its word alone: nothing of it is verified before it is installed.'],
      load: async () => (await import('../commands/info.ts')).info,
    },
    {
      name: 'enable',
      what: 'let a disabled plugin run again; one in quarantine, if it is found good',
      operands: [{ form: '<name>', kind: 'plugin' }],
      examples: [['plugins enable acme/hello', 'verifies it first, if it is in quarantine']],
      load: async () => (await import('../commands/installed.ts')).enable,
    },
    {
      name: 'disable',
      what: 'keep a plugin installed but refuse to run it',
      operands: [{ form: '<name>', kind: 'plugin' }],
      examples: [['plugins disable acme/hello', 'it stays disabled after an update, too']],
      load: async () => (await import('../commands/installed.ts')).disable,
    },
    REMOVE,
  ],
}
