import type { Verb } from './verb.ts'

const MARK = (verb: string) => [
  { form: '--reason <TEXT>', what: `why it is ${verb}` },
  { form: '--undo', what: 'take that back' },
]

export const SEARCH: Verb = {
  name: 'search',
  elsewhere: ['find'],
  what: 'look for plugins in the registries',
  operands: [{ form: '[words...]' }],
  flags: [
    { form: '--limit <N>', what: 'how many' },
    { form: '--registry <R>', what: 'a configured one by its name, a folder or an address, in the place of all' },
  ],
  examples: [
    ['plugins search weather', 'by name and description'],
    ['plugins search --registry ./dist', 'everything in a folder'],
  ],
  load: async () => (await import('../commands/search.ts')).search,
}

/** Where releases come from. */
export const REGISTRY: Verb = {
  name: 'registry',
  what: 'where releases come from: the registries of this host, and the index of a folder',
  verbs: [
    {
      name: 'add',
      what: 'let releases come from a folder or a web server',
      operands: [{ form: '<name>' }, { form: '<url>', what: 'a folder, file:// or https://', kind: 'folder' }],
      flags: [
        { form: '--namespaces <PATTERN...>', what: "which plugins it serves, such as 'acme/*'; default: all" },
        { form: '--first', what: 'ask it before all others' },
        { form: '--token-file <FILE>', what: 'a file with a token that is sent there and nowhere else', kind: 'file' },
        { form: '--insecure', what: 'accept plain http to another machine' },
      ],
      examples: [
        ["plugins registry add main https://plugins.example.com/ --namespaces 'acme/*'", 'serves acme/* alone'],
      ],
      load: async () => (await import('../commands/registry.ts')).registryAdd,
    },
    {
      name: 'list',
      what: 'those of this host, in the order in which they are asked',
      examples: [['plugins registry list', 'and what each serves']],
      load: async () => (await import('../commands/registry.ts')).registryList,
    },
    {
      name: 'remove',
      what: 'take one out; what came from it stays installed',
      operands: [{ form: '<name>' }],
      examples: [['plugins registry remove main', 'its plugins are not updated any more']],
      load: async () => (await import('../commands/registry.ts')).registryRemove,
    },
    {
      name: 'build',
      what: 'make the index of a folder of signed tarballs, for any web server',
      operands: [{ form: '<dir>', kind: 'folder' }],
      flags: [{ form: '--prune', what: 'take releases out whose files are gone' }],
      examples: [['plugins registry build dist', 'after each new release']],
      load: async () => (await import('../commands/registry.ts')).registryBuild,
    },
    {
      name: 'yank',
      what: 'let nobody choose a release any more; lock files and exact versions still may',
      operands: [
        { form: '<dir>', kind: 'folder' },
        { form: '<release>', what: 'NAME@VERSION' },
      ],
      flags: MARK('yanked'),
      examples: [['plugins registry yank dist acme/hello@1.2.0 --reason "loses data"', 'in the index of dist']],
      load: async () => (await import('../commands/registry.ts')).registryYank,
    },
    {
      name: 'deprecate',
      what: 'tell whoever has a release that there is something better',
      operands: [
        { form: '<dir>', kind: 'folder' },
        { form: '<release>', what: 'NAME@VERSION' },
      ],
      flags: MARK('deprecated'),
      examples: [['plugins registry deprecate dist acme/hello@1.0.0 --reason "use 2.x"', 'shown by plugins outdated']],
      load: async () => (await import('../commands/registry.ts')).registryDeprecate,
    },
  ],
}
