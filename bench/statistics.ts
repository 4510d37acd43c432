/** What many rounds of one measurement came to. */
export interface Spread {
  readonly p10: number
  readonly median: number
  readonly p90: number
}

/** Linear between the two nearest samples, as most tools have it. @throws RangeError when there are no samples */
export function quantile(samples: readonly number[], at: number): number {
  if (samples.length === 0) throw new RangeError('cannot take a quantile of no samples')
  const sorted = [...samples].sort((a, b) => a - b)
  const place = (sorted.length - 1) * at
  const below = sorted[Math.floor(place)] as number
  const above = sorted[Math.ceil(place)] as number
  return below + (above - below) * (place - Math.floor(place))
}

export function spreadOf(samples: readonly number[]): Spread {
  return { p10: quantile(samples, 0.1), median: quantile(samples, 0.5), p90: quantile(samples, 0.9) }
}

/**
 * The ratio of the medians, with the spread of the ratios within each round: what disturbs the machine for a while
 * disturbs both contenders of a round.
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread {
  if (ours.length !== theirs.length) throw new RangeError('cannot pair samples: the contenders had unequal rounds')
  const paired = spreadOf(ours.map((value, round) => value / (theirs[round] as number)))
  return { ...paired, median: quantile(ours, 0.5) / quantile(theirs, 0.5) }
}

/** Whose turn is first moves on each round, so that nobody always follows the same neighbour. */
export function orderOf(round: number, contenders: number): number[] {
  return Array.from({ length: contenders }, (_, place) => (round + place) % contenders)
}

/** Measures contenders in turn, `rounds` times each; gives each one's samples. */
export async function interleave(rounds: number, contenders: readonly (() => Promise<number>)[]): Promise<number[][]> {
  const samples: number[][] = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (const which of orderOf(round, contenders.length)) {
      samples[which]?.push(await (contenders[which] as () => Promise<number>)())
    }
  }
  return samples
}
