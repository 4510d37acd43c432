import type { VerbGroup } from './verb.ts'

export const MORE: VerbGroup = {
  title: 'More',
  verbs: [
    {
      name: 'help',
      what: 'how a command is used, or about a topic',
      operands: [{ form: '[topic...]', what: 'a command, a sub-command after it, or a topic', kind: 'topic' }],
      examples: [
        ['plugins help trust add', 'how a key is trusted'],
        ['plugins help exit-codes', 'what a script has to know'],
        ['plugins help --json', 'every command, as data'],
      ],
      load: async () => (await import('../commands/help.ts')).help,
    },
    {
      name: 'completion',
      what: 'print what makes a shell complete commands, options, plugins and files',
      operands: [{ form: '<shell>', kind: ['bash', 'zsh', 'fish'] }],
      examples: [
        ['source <(plugins completion bash)', 'in ~/.bashrc'],
        ['source <(plugins completion zsh)', 'in ~/.zshrc, after compinit'],
        ['plugins completion fish > ~/.config/fish/completions/plugins.fish', 'once'],
      ],
      load: async () => (await import('../commands/completion.ts')).completion,
    },
    {
      name: '__complete',
      what: 'what a shell proposes',
      isHidden: true,
      operands: [{ form: '<what>' }],
      load: async () => (await import('../commands/completion.ts')).proposals,
    },
  ],
}
