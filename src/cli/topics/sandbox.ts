import { REQUIRED_LAYERS } from '../../index.ts'
import type { Section } from '../manual/page.ts'

export const sandbox: readonly Section[] = [
  {
    title: 'What a plugin sees',
    parts: [
      {
        rows: [
          ['/plugin', 'the package, as signed, read-only'],
          ['/tmp', 'memory of its own, gone after the run'],
          ['/data', 'kept between runs, if limits.data asks for it'],
          ['/usr, /etc', 'its interpreter with the libraries that needs, and five files of ours; read-only'],
          ['permissions.read', 'those paths of the host, read-only'],
        ],
      },
      'It is alone there: no other process, no network but what permissions.network lists, and a user id that nobody else has.',
    ],
  },
  {
    title: 'Layers',
    parts: [
      `Nothing runs without these, unless a run goes without one of them by name (plugins run --weaker LAYER, recorded): ${REQUIRED_LAYERS.join(', ')}.`,
      'plugins doctor tries each on this host, and says how to get what is missing.',
      {
        examples: [
          ['plugins run acme/hello --dry-run', 'the sandbox of one plugin, as data'],
          ['plugins run acme/hello --report-denials', 'which calls were denied, for its author'],
        ],
      },
    ],
  },
]
