import { REGISTRY } from './registries.ts'
import type { VerbGroup } from './verb.ts'

export const OPERATORS: VerbGroup = {
  title: 'For operators',
  verbs: [
    {
      name: 'doctor',
      what: 'which layers of the sandbox this host gives, and how to get the others',
      flags: [
        {
          form: '--print <FILE>',
          what: 'print what allows it instead: a profile for a container engine, or for AppArmor',
          kind: ['seccomp', 'apparmor'],
        },
      ],
      examples: [
        ['plugins doctor', 'exits with 5 where plugins cannot run'],
        ['plugins doctor --print seccomp > bulkhead-seccomp.json', 'to start a container with'],
      ],
      load: async () => (await import('../commands/doctor.ts')).doctor,
    },
    {
      name: 'audit',
      what: 'the trail of decisions',
      operands: [{ form: '[subject]', kind: 'plugin' }],
      flags: [
        {
          form: '--verify',
          what: 'check the hash chain; with --head COUNT:HASH, also that it still leads through that head',
        },
        { form: '--head [COUNT:HASH]', what: 'print where the trail ends, as COUNT:HASH, to be kept elsewhere' },
        { form: '--syslog', what: 'send the head to syslog too' },
        { form: '--limit <N>', what: 'how many', default: '50' },
      ],
      examples: [
        ['plugins audit acme/hello', 'what was decided about one plugin'],
        ['plugins audit --head', 'where the trail ends, to be kept on another machine'],
      ],
      load: async () => (await import('../commands/audit.ts')).audit,
    },
    REGISTRY,
  ],
}
