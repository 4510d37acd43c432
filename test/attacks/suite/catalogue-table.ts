import { LANGUAGES } from './arsenal.ts'
import type { Attack } from './attack.ts'

const TITLES = { c: 'C', node: 'Node', python: 'Python' } as const

/** The attacks as docs/attacks.md lists them. */
export function catalogueTable(attacks: readonly Attack[]): string {
  const lines = attacks.map(({ name, language, layer, also, known, loose, unswitched }) =>
    [
      `\`${name}\``,
      TITLES[language],
      `\`${layer}\``,
      loose === null ? (unswitched ?? '') : also.map((one) => `\`${one}\``).join(' '),
      known ?? '',
    ].join(' | '),
  )
  const counts = LANGUAGES.map(
    (language) => `${attacks.filter((one) => one.language === language).length} in ${TITLES[language]}`,
  )
  return [
    `${attacks.length} attacks: ${counts.join(', ')}.`,
    '',
    '| attack | program | layer | off as well, or why no switch lets it through | of the kind of |',
    '|---|---|---|---|---|',
    ...lines.map((line) => `| ${line} |`),
    '',
  ].join('\n')
}
