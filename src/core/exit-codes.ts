/** What a process of ours can exit with. `docs/cli.md` has this table; a test holds the two equal. */
export const EXIT_CODES = {
  0: 'done',
  1: 'cannot; the reason is named',
  2: 'the command line cannot be understood, or a question could not be asked',
  3: 'refused for safety: signature, trust, digest, archive, revoked, modified',
  4: 'not there, or in the wrong state',
  5: 'this host cannot sandbox it',
  70: 'a bug in Bulkhead',
  130: 'interrupted by Ctrl-C or a request to end (SIGINT, SIGTERM, SIGHUP); nothing was changed',
} as const

export type ExitCode = keyof typeof EXIT_CODES

/** `plugins run` exits with the plugin's own code, or with one of these. */
export const RUN_EXIT_CODES = {
  124: 'a time limit ended it: timeout or idle',
  125: 'it never started, whatever the reason; --report and --json hold the code of the error',
  126: 'its entry cannot be executed',
  127: 'its entry is not there',
  '128+n': 'signal n ended it: 137 when it met its memory limit, 153 its output or file size limit',
} as const
