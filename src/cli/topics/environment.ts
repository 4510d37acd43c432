import type { Section } from '../manual/page.ts'

export const environment: readonly Section[] = [
  {
    title: 'Variables',
    parts: [
      {
        rows: [
          ['BULKHEAD_HOME', 'where everything is kept, as --home'],
          ['XDG_DATA_HOME', 'without either, and without root: bulkhead in there'],
          ['NO_COLOR', 'if it is not empty: no colour'],
          ['CLICOLOR_FORCE', 'if it is neither empty nor 0: colour although the output is no terminal'],
          ['TERM', 'dumb, or nothing: no line of progress'],
          ['BULKHEAD_DEBUG', 'an error that is a bug also prints where'],
        ],
      },
      'A plugin is given none of these. Its environment is built from nothing, and of the caller it has only what permissions.env of its manifest names.',
    ],
  },
  {
    title: 'The home',
    parts: [
      'Root has /var/lib/bulkhead. Everybody else has $XDG_DATA_HOME/bulkhead, or ~/.local/share/bulkhead. It is readable by its owner alone.',
      {
        rows: [
          ['trust.json', 'who may sign what; edited with plugins trust, or by hand'],
          ['config.json', 'what the operator decided; written by hand, and may be missing'],
          ['bulkhead.db', 'what is installed, what ran, and the trail of decisions'],
          ['plugins/', 'the files of each release, as they were signed'],
          ['data/', 'what plugins keep between their runs'],
          ['logs/', 'what they wrote to their standard error'],
        ],
      },
      'trust.json, config.json and each folder above them must be writable by root or the caller alone, and be no link; else commands refuse to go on.',
    ],
  },
]
