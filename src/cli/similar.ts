/** What somebody may have meant: the words that take the fewest changed letters, if those are few. */
export function similar(asked: string, among: readonly string[]): readonly string[] {
  const word = asked.toLowerCase()
  // Longer than any of ours.
  if (word.length > 40) return []
  const begun = word.length < 3 ? [] : among.filter((one) => one.startsWith(word))
  if (begun.length > 0) return begun
  const scored = among.map((one) => [one, distance(word, one)] as const)
  const best = Math.min(...scored.map(([, steps]) => steps))
  if (best > Math.max(1, Math.floor(word.length / 3))) return []
  return scored.filter(([, steps]) => steps === best).map(([one]) => one)
}

/** Letters to add, take away, change or swap with the next (optimal string alignment). */
function distance(from: string, to: string): number {
  const rows: number[][] = Array.from({ length: from.length + 1 }, (_, at) => [at])
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let column = 1; column <= to.length; column++) (rows[0] as number[])[column] = column
  for (let row = 1; row <= from.length; row++) {
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1]
      const isSwapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      ;(rows[row] as number[])[column] = Math.min(
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
        isSwapped && row > 1 && column > 1 ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      )
    }
  }
  return at(from.length, to.length)
}
