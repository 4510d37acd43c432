import { ERROR_CODES, EXIT_CODES, RUN_EXIT_CODES } from '../../index.ts'
import type { Section } from '../manual/page.ts'

const rows = (table: Readonly<Record<string, string>>) => ({ rows: Object.entries(table) })

export const exitCodes: readonly Section[] = [
  { title: 'Every command but run', parts: [rows(EXIT_CODES)] },
  {
    title: 'Run',
    parts: ["It exits with the plugin's own code, or with one of these:", rows(RUN_EXIT_CODES)],
  },
  {
    title: 'Error codes',
    parts: [
      'With --json an error is {"error":{"code","message","hint"}}. A code never changes its meaning; the sentence may.',
      {
        rows: Object.entries(ERROR_CODES).map(([code, { exitCode, meaning }]) => [
          code,
          `exit ${exitCode}: ${meaning}`,
        ]),
      },
    ],
  },
]
