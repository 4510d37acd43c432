import type { Flag, Verb, VerbGroup } from './verb.ts'

const YES: Flag = { form: '--yes', what: 'agree to what it asks for' }
const DRY_RUN: Flag = { form: '--dry-run', what: 'say what would be done, and change nothing' }
const ALLOW_DOWNGRADE: Flag = {
  form: '--allow-downgrade',
  what: 'accept an older version than was installed before (recorded)',
}
const REGISTRY: Flag = {
  form: '--registry <R>',
  what: 'a configured one by its name, a folder or an address, in the place of all that are configured',
}
const RESTART: Flag = {
  form: '--restart',
  what: 'end what runs of the version before, so that whoever started it starts the new one',
}
/** What agrees beforehand, and what lets a young release in. */
const CONSENT: readonly Flag[] = [
  YES,
  {
    form: '--grant <G...>',
    what: 'agree to this and no more, such as network=api.example.com:443 or limit=memory:512M',
  },
  {
    form: '--consent <FILE>',
    what: 'agree to what this policy says, in the place of the one in config.json',
    kind: 'file',
  },
  { form: '--security-update <REASON>', what: 'let it in however short it has been out (recorded)' },
]

export const INSTALL: Verb = {
  name: 'install',
  elsewhere: ['add', 'get'],
  what: 'verify and install plugins: a tarball, or by name from a registry with what they need',
  operands: [{ form: '<source...>', what: 'X.tgz, NAME or NAME@RANGE', kind: 'tarball' }],
  flags: [
    ...CONSENT,
    REGISTRY,
    ALLOW_DOWNGRADE,
    {
      form: '--allow-unsigned <NAME>',
      what: 'accept this one plugin without any signature (recorded); needs --until',
    },
    { form: '--until <TIME>', what: 'when that ends: a duration such as 7d, or a date; at most 30 days away' },
    { form: '--lock <FILE>', what: 'write down afterwards what this host has', kind: 'file' },
    DRY_RUN,
  ],
  examples: [
    ['plugins install dist/acme-hello-1.0.0.tgz', 'shows what it asks for, and asks you'],
    ["plugins install 'acme/hello@^1' --yes", 'the newest 1.x of the registry that serves acme/hello'],
    ['plugins install acme/hello --dry-run', 'which releases would come, and from where'],
  ],
  load: async () => (await import('../commands/install.ts')).install,
}

export const REMOVE: Verb = {
  name: 'remove',
  alias: 'rm',
  elsewhere: ['uninstall', 'delete', 'erase'],
  what: 'remove plugins, with the versions kept of them; their data stays unless --purge',
  operands: [{ form: '<name...>', kind: 'plugin' }],
  flags: [
    { form: '--purge', what: 'delete its data and give its user id back' },
    { form: '--no-hooks', what: 'do not run its preremove hook first' },
    { form: '--yes', what: 'agree to delete its data' },
    DRY_RUN,
  ],
  examples: [
    ['plugins remove acme/hello', 'its data and logs stay'],
    ['plugins remove acme/hello --purge', 'they go too; works afterwards as well'],
  ],
  load: async () => (await import('../commands/remove.ts')).remove,
}

export const LIFECYCLE: VerbGroup = {
  title: 'Keeping them up to date, and whole',
  verbs: [
    {
      name: 'update',
      elsewhere: ['upgrade', 'refresh'],
      what: 'bring plugins to the newest release of their registries; the version before is kept',
      operands: [{ form: '[name...]', kind: 'plugin' }],
      flags: [
        { form: '--all', what: 'everything that came from a registry, each on its own' },
        { form: '--to <RANGE>', what: 'to the newest in this range of versions, or to this very one' },
        ALLOW_DOWNGRADE,
        ...CONSENT,
        REGISTRY,
        RESTART,
        { form: '--lock <FILE>', what: 'write down afterwards what this host has', kind: 'file' },
        DRY_RUN,
      ],
      examples: [
        ['plugins update acme/hello', 'asks you when it wants more than before'],
        ['plugins update --all', 'what wants more than before waits; the rest is updated'],
        ['plugins update acme/hello --to 1.4.2 --restart', 'that version, and what runs is started anew'],
      ],
      more: [
        'An update that asks for more than was agreed to (permissions, limits, hooks, another publisher, lost provenance) waits and is not applied; the version that is installed runs on. plugins approvals tells what waits.',
        'The data of a plugin is kept with the version that gives way; plugins rollback goes back to both.',
      ],
      load: async () => (await import('../commands/update.ts')).update,
    },
    {
      name: 'outdated',
      what: 'which plugins there is something newer of, and why it would not come',
      operands: [{ form: '[name...]', kind: 'plugin' }],
      flags: [REGISTRY],
      examples: [
        ['plugins outdated', 'those that are not up to date'],
        ["plugins outdated --json | jq '.[] | select(.update)'", 'for a script'],
      ],
      load: async () => (await import('../commands/outdated.ts')).outdated,
    },
    {
      name: 'rollback',
      elsewhere: ['revert', 'downgrade'],
      what: 'go back to a version that is kept, with its data as it was',
      operands: [{ form: '<name>', kind: 'plugin' }],
      flags: [
        { form: '--to <VERSION>', what: 'default: the one that was left last' },
        { form: '--keep-data', what: 'its data stays as it is now' },
        RESTART,
        DRY_RUN,
      ],
      examples: [
        ['plugins rollback acme/hello', 'undoes the last update'],
        ['plugins rollback acme/hello --to 1.2.0 --keep-data', 'that version, over the data of now'],
      ],
      load: async () => (await import('../commands/rollback.ts')).rollback,
    },
    {
      name: 'hold',
      elsewhere: ['pin'],
      what: 'keep a plugin at its version: no update touches it; without a name, what is held',
      operands: [{ form: '[name]', kind: 'plugin' }],
      flags: [
        { form: '--until <TIME>', what: 'a duration such as 14d, or a date; default: for ever' },
        { form: '--reason <TEXT>', what: 'why' },
      ],
      examples: [
        ['plugins hold acme/hello --until 14d --reason "release freeze"', 'until then'],
        ['plugins hold', 'what is held, until when, and by whom'],
      ],
      load: async () => (await import('../commands/hold.ts')).hold,
    },
    {
      name: 'unhold',
      elsewhere: ['unpin'],
      what: 'let updates touch a plugin again',
      operands: [{ form: '<name>', kind: 'plugin' }],
      examples: [['plugins unhold acme/hello', 'the next update takes it along']],
      load: async () => (await import('../commands/hold.ts')).unhold,
    },
    {
      name: 'approvals',
      what: 'who agreed to what and when, and which updates wait for somebody to agree',
      operands: [{ form: '[name]', kind: 'plugin' }],
      flags: [{ form: '--limit <N>', what: 'how many', default: '50' }],
      examples: [['plugins approvals acme/hello', 'of one plugin']],
      load: async () => (await import('../commands/approvals.ts')).approvals,
    },
    {
      name: 'sync',
      what: 'make this host as a lock file says: versions, bytes, signers, permissions',
      operands: [{ form: '[lockfile]', what: 'default: plugins.lock', kind: 'file' }],
      flags: [
        { form: '--frozen', what: 'change nothing, and refuse any difference' },
        { form: '--prune', what: 'remove what the lock file does not have' },
        { form: '--write', what: 'make the lock file from what this host has instead' },
        REGISTRY,
        DRY_RUN,
      ],
      examples: [
        ['plugins sync --write', 'plugins.lock, for review in git'],
        ['plugins sync --frozen', 'in CI: exits with 1 when anything differs'],
      ],
      load: async () => (await import('../commands/sync.ts')).sync,
    },
    {
      name: 'repair',
      elsewhere: ['fix', 'reinstall'],
      what: 'put right what of installed plugins was modified or is missing',
      operands: [{ form: '[name]', kind: 'plugin' }],
      flags: [
        { form: '--all', what: 'everything that is installed or kept' },
        { form: '--from <TARBALL>', what: 'the tarball it was installed from', kind: 'tarball' },
        REGISTRY,
        DRY_RUN,
      ],
      examples: [
        ['plugins repair --all', 'from the other versions that are here, or from its registry'],
        ['plugins repair acme/hello --from acme-hello-1.0.0.tgz', 'it must be the very tarball'],
      ],
      load: async () => (await import('../commands/repair.ts')).repair,
    },
    {
      name: 'gc',
      elsewhere: ['prune', 'clean', 'autoremove'],
      what: "remove what is nobody's: old versions, left-over files, user ids",
      flags: [DRY_RUN],
      examples: [['plugins gc --dry-run', 'what would go, and how many bytes that frees']],
      load: async () => (await import('../commands/gc.ts')).gc,
    },
  ],
}
