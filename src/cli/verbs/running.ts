import type { Verb, VerbGroup } from './verb.ts'

const RUN: Verb = {
  name: 'run',
  elsewhere: ['exec', 'start'],
  what: 'run a plugin in its sandbox; stdin, stdout, stderr and signals are its own',
  operands: [
    { form: '<name>', kind: 'plugin' },
    { form: '[args...]', what: 'after --: arguments of the plugin', kind: 'file' },
  ],
  flags: [
    { form: '--report <FILE>', what: 'write the outcome to FILE, as JSON', kind: 'file' },
    { form: '--timeout <DURATION>', what: 'end it after so long, such as 5s (may only narrow)' },
    {
      form: '--profile <NAME>',
      what: 'limits to start from',
      kind: ['development', 'production', 'strict'],
    },
    {
      form: '--weaker <LAYER>',
      what: 'run without a layer this host cannot give (recorded; repeat for more)',
    },
    {
      form: '--report-denials',
      what: 'for authors: tell which system calls were denied and which paths are not there (advisory)',
    },
    { form: '--engine <NAME>', what: 'who builds the sandbox', kind: ['native', 'runc', 'crun', 'runsc'] },
    { form: '--dry-run', what: 'print the plan and run nothing' },
  ],
  examples: [
    ['plugins run acme/hello -- Ada', 'with an argument'],
    ['plugins run acme/hello --timeout 5s --report outcome.json', 'how it ended, as JSON'],
    ['plugins run acme/hello --dry-run', 'every mount, limit and id, as data'],
  ],
  more: [
    "It exits with the plugin's own code, or 124 when a time limit ended it, 125 when it never started, 126 and 127 when its " +
      'entry cannot be executed or is not there, and 128 plus the number of the signal that ended it.',
  ],
  parsesItself: true,
  load: async () => (await import('../commands/run-whole.ts')).runWhole,
}

export const RUNNING: VerbGroup = {
  title: 'Running',
  verbs: [
    RUN,
    {
      name: 'ps',
      what: 'what runs now, whoever started it',
      operands: [{ form: '[name]', kind: 'plugin' }],
      examples: [
        ['plugins ps', 'a line for each run'],
        ['plugins ps acme/weather --json', 'those of one plugin, as data'],
      ],
      load: async () => (await import('../commands/ps.ts')).ps,
    },
    {
      name: 'stats',
      elsewhere: ['top'],
      what: 'what running plugins use: processor, memory, processes, files, disk, network',
      operands: [{ form: '[name]', kind: 'plugin' }],
      flags: [
        { form: '--watch', what: 'go on until Ctrl-C: a table in a terminal, else a JSON document a line' },
        { form: '--interval <DURATION>', what: 'time between two looks, such as 2s' },
      ],
      examples: [
        ['plugins stats --watch', 'as top shows processes'],
        ['plugins stats acme/weather --json', 'one look, as data'],
      ],
      load: async () => (await import('../commands/stats.ts')).stats,
    },
    {
      name: 'logs',
      what: 'what a plugin wrote to its standard error, over all its runs',
      operands: [{ form: '<name>', kind: 'plugin' }],
      flags: [
        { form: '--run <ID>', what: 'of this run alone' },
        { form: '--follow', what: 'go on with what comes, until Ctrl-C' },
        { form: '--lines <N>', what: 'the newest so many, or all', default: '100' },
        { form: '--since <TIME>', what: 'only what came since: a duration such as 10m, or a date' },
        { form: '--raw', what: 'the bytes as the plugin wrote them, without times; a terminal obeys them' },
      ],
      examples: [
        ['plugins logs acme/weather --follow', 'as it comes'],
        ['plugins logs acme/weather --since 1h --lines all', 'the last hour'],
      ],
      load: async () => (await import('../commands/logs.ts')).logs,
    },
    {
      name: 'stop',
      elsewhere: ['kill'],
      what: 'end the runs of a plugin: SIGTERM, a grace, then all its processes',
      operands: [{ form: '[name]', kind: 'plugin' }],
      flags: [
        { form: '--run <ID>', what: 'this run alone' },
        { form: '--all', what: 'whatever runs' },
        { form: '--grace <DURATION>', what: 'time to end by itself, such as 10s, or 0', default: '5s' },
      ],
      examples: [
        ['plugins stop acme/weather --grace 1s', 'all its runs'],
        ['plugins stop --all', 'before maintenance'],
      ],
      load: async () => (await import('../commands/stop.ts')).stop,
    },
    {
      name: 'history',
      what: 'past runs, how each ended and what it used',
      operands: [{ form: '[name]', kind: 'plugin' }],
      flags: [
        { form: '--limit <N>', what: 'how many', default: '20' },
        { form: '--run <ID>', what: 'everything about one run' },
        { form: '--minutes', what: 'averages and peaks of each minute instead' },
      ],
      examples: [
        ['plugins history acme/weather --limit 5', 'its newest five'],
        ['plugins history --json', 'with every figure, as data'],
      ],
      load: async () => (await import('../commands/history.ts')).history,
    },
    {
      name: 'mcp-config',
      what: 'print the entry that makes an MCP client start installed plugins as servers',
      operands: [{ form: '[names...]', what: 'or each that speaks mcp', kind: 'plugin' }],
      flags: [
        {
          form: '--client <NAME>',
          what: 'in the shape of this client',
          kind: ['generic', 'claude-desktop', 'claude-code', 'vscode', 'cursor', 'gemini-cli', 'zed'],
          default: 'generic',
        },
      ],
      examples: [
        ['plugins mcp-config acme/everything --client vscode', 'for .vscode/mcp.json'],
        ['plugins mcp-config', 'every plugin that speaks mcp'],
      ],
      more: [
        "It writes into no client's file: it prints the entry, and says where that belongs.",
        'The entry needs nothing of the environment. A client hands on little of its own: the official SDK HOME, LOGNAME, PATH, ' +
          'SHELL, TERM and USER. What a server has to know, a key above all, belongs into plugins.NAME.settings of config.json, as ' +
          '{"file": "/path"} where it is a secret; not into the file of the client.',
      ],
      load: async () => (await import('../commands/mcp-config.ts')).mcpConfigOf,
    },
  ],
}
