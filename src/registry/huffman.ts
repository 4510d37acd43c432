interface Coin {
  readonly weight: number
  /** A symbol, or two coins of the level below packed together. */
  readonly symbol: number
  readonly pair: readonly [Coin, Coin] | null
}

/**
 * Lengths of an optimal prefix code in which no code is longer than `longest` bits: the package-merge algorithm (Larmore
 * and Hirschberg, 1990). Ties go to the lower symbol, so that the same counts give the same code everywhere.
 */
export function codeLengths(counts: Uint32Array, longest: number): Uint8Array {
  const leaves: Coin[] = []
  for (const [symbol, weight] of counts.entries()) if (weight > 0) leaves.push({ weight, symbol, pair: null })
  // Inflaters refuse a code that is not complete, so there are always two symbols at least.
  for (let symbol = 0; leaves.length < 2; symbol++) {
    if (!counts[symbol]) leaves.push({ weight: 1, symbol, pair: null })
  }
  leaves.sort((a, b) => a.weight - b.weight || a.symbol - b.symbol)

  let level: Coin[] = leaves
  for (let bit = 1; bit < longest; bit++) level = merge(leaves, packages(level))
  const lengths = new Uint8Array(counts.length)
  for (const coin of level.slice(0, 2 * leaves.length - 2)) spend(coin, lengths)
  return lengths
}

function packages(level: readonly Coin[]): Coin[] {
  const packed: Coin[] = []
  for (let at = 0; at + 1 < level.length; at += 2) {
    const pair = [level[at], level[at + 1]] as [Coin, Coin]
    packed.push({ weight: pair[0].weight + pair[1].weight, symbol: -1, pair })
  }
  return packed
}

function merge(leaves: readonly Coin[], packed: readonly Coin[]): Coin[] {
  const merged: Coin[] = []
  let next = 0
  for (const leaf of leaves) {
    for (let coin = packed[next]; coin !== undefined && coin.weight < leaf.weight; coin = packed[++next]) {
      merged.push(coin)
    }
    merged.push(leaf)
  }
  return merged.concat(packed.slice(next))
}

function spend(coin: Coin, lengths: Uint8Array): void {
  if (coin.pair === null) lengths[coin.symbol] = (lengths[coin.symbol] ?? 0) + 1
  else for (const half of coin.pair) spend(half, lengths)
}

/** RFC 1951, 3.2.2: canonical codes, with their bits reversed because deflate writes them highest bit first. */
export function canonicalCodes(lengths: Uint8Array): Uint16Array {
  const perLength = new Uint16Array(16)
  for (const length of lengths) if (length > 0) perLength[length] = (perLength[length] ?? 0) + 1
  const next = new Uint16Array(16)
  for (let bits = 1, code = 0; bits < 16; bits++) {
    code = (code + (perLength[bits - 1] ?? 0)) << 1
    next[bits] = code
  }
  return Uint16Array.from(lengths, (length) => {
    if (length === 0) return 0
    const code = next[length] ?? 0
    next[length] = code + 1
    return reversed(code, length)
  })
}

function reversed(code: number, length: number): number {
  let out = 0
  for (let bit = 0; bit < length; bit++) out = (out << 1) | ((code >> bit) & 1)
  return out
}
