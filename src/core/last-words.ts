/**
 * How Python, Node, Go and the rest begin the line that says what went wrong: `ValueError: …`, `Error [ERR_X]: …`,
 * `panic: …`, `thread 'main' panicked at …`.
 */
const SAYS_WHY =
  /^(?:[\w.]*(?:Error|Exception|Exit|Interrupt|Warning)(?: \[\w+\])?(?::|$)|panic: |fatal|.*\bpanicked at )/i
/** What Node says after the error: where, and of which version it is. */
const SAYS_NOTHING = /^(?:at |Node\.js v|[{}^~]|\(Use `node)/

/**
 * Of the last lines that a program wrote before it ended, the one that says why, or the last three; `null` of none. Python has it last, Node above
 * where it happened; of several the last counts, which is the error that nobody caught.
 */
export function reasonIn(lines: readonly string[]): string | null {
  const said = lines.map((line) => line.trim()).filter((line) => line !== '')
  const reason = said.findLast((line) => SAYS_WHY.test(line))
  if (reason !== undefined) return reason
  const words = said.filter((line) => !SAYS_NOTHING.test(line))
  return (words.length > 0 ? words : said).slice(-3).join(' | ') || null
}
