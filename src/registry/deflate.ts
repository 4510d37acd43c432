import { BitWriter } from './bit-writer.ts'
import { canonicalCodes, codeLengths } from './huffman.ts'

// Why our own: what zlib writes differs between its versions, between Node's copy and a distribution's, and between
// x86-64 and arm64 (other hash instructions find other matches). A package must come out as the same bytes on every
// machine, so that anybody can rebuild one and compare; this file is integer arithmetic and so gives the same anywhere.
// It is RFC 1951, about as tight as zlib's level 6. Changing what it writes is a change of the package format's version.

const WINDOW = 32_768
const HASH_BITS = 16
const MATCH_MIN = 4
const MATCH_MAX = 258
/** How many earlier places are tried, and the length at which looking further stops paying. */
const CHAIN_MAX = 32
const LENGTH_NICE = 96
const LENGTH_LAZY = 24
const TOKENS_PER_BLOCK = 32_768
const END_OF_BLOCK = 256
const STORED_MAX = 65_535

// RFC 1951, 3.2.5: codes of lengths and distances, made here instead of copied as tables.
const LENGTH_BASE = new Uint16Array(29)
const LENGTH_EXTRA = new Uint8Array(29)
const LENGTH_CODE = new Uint8Array(MATCH_MAX + 1)
const DISTANCE_BASE = new Uint16Array(30)
const DISTANCE_EXTRA = new Uint8Array(30)
for (let code = 0, base = 3; code < 28; code++) {
  const extra = code < 8 ? 0 : (code >> 2) - 1
  LENGTH_BASE[code] = base
  LENGTH_EXTRA[code] = extra
  for (let length = base; length < base + (1 << extra) && length < MATCH_MAX; length++) LENGTH_CODE[length] = code
  base += 1 << extra
}
LENGTH_BASE[28] = MATCH_MAX
LENGTH_CODE[MATCH_MAX] = 28
for (let code = 0, base = 1; code < 30; code++) {
  const extra = code < 4 ? 0 : (code >> 1) - 1
  DISTANCE_BASE[code] = base
  DISTANCE_EXTRA[code] = extra
  base += 1 << extra
}
const distanceCode = (distance: number): number => {
  if (distance < 5) return distance - 1
  const high = 31 - Math.clz32(distance - 1)
  return 2 * high + (((distance - 1) >> (high - 1)) & 1)
}

/** Raw deflate. */
export function deflate(input: Buffer): Buffer {
  const out = new BitWriter(input.length >> 1)
  const tokens = new Uint32Array(TOKENS_PER_BLOCK)
  const finder = new MatchFinder(input)
  let start = 0
  do {
    const { count, end } = finder.fill(tokens, start)
    writeBlock(out, tokens.subarray(0, count), input.subarray(start, end), end === input.length)
    start = end
  } while (start < input.length)
  return out.finish()
}

/** A token is a literal byte, or `length << 16 | distance`. */
class MatchFinder {
  readonly #input: Buffer
  readonly #head = new Int32Array(1 << HASH_BITS).fill(-1)
  readonly #previous = new Int32Array(WINDOW)
  /** The next position not yet in the chains. */
  #known = 0

  constructor(input: Buffer) {
    this.#input = input
  }

  fill(tokens: Uint32Array, start: number): { count: number; end: number } {
    const input = this.#input
    let at = start
    let count = 0
    while (at < input.length && count < tokens.length) {
      let token = this.#longest(at, MATCH_MIN - 1)
      // A longer match one byte later is worth a literal now.
      if (token !== 0 && token >>> 16 < LENGTH_LAZY && this.#longest(at + 1, token >>> 16) !== 0) token = 0
      if (token === 0) {
        tokens[count++] = input[at++] ?? 0
      } else {
        tokens[count++] = token
        at += token >>> 16
      }
    }
    return { count, end: at }
  }

  #hash(at: number): number {
    const input = this.#input
    const word =
      (input[at] as number) |
      ((input[at + 1] as number) << 8) |
      ((input[at + 2] as number) << 16) |
      ((input[at + 3] as number) << 24)
    return Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS)
  }

  /** The nearest of the longest matches at `at` that is longer than `best`; 0 when there is none. */
  #longest(at: number, best: number): number {
    const input = this.#input
    const limit = Math.min(MATCH_MAX, input.length - at)
    if (limit < MATCH_MIN || best >= limit) return 0
    this.#learn(at)
    let token = 0
    let candidate = this.#head[this.#hash(at)] as number
    for (let tries = CHAIN_MAX; candidate >= 0 && at - candidate <= WINDOW - MATCH_MAX && tries > 0; tries--) {
      if (input[candidate + best] === input[at + best] && input[candidate] === input[at]) {
        let length = 0
        while (length < limit && input[candidate + length] === input[at + length]) length++
        if (length > best && length >= MATCH_MIN) {
          best = length
          token = (length << 16) | (at - candidate)
          if (length >= LENGTH_NICE || length === limit) break
        }
      }
      const earlier = this.#previous[candidate & (WINDOW - 1)] as number
      if (earlier >= candidate) break
      candidate = earlier
    }
    return token
  }

  /** Puts every position before `at` into the chains. */
  #learn(at: number): void {
    for (; this.#known < at; this.#known++) {
      const hash = this.#hash(this.#known)
      this.#previous[this.#known & (WINDOW - 1)] = this.#head[hash] as number
      this.#head[hash] = this.#known
    }
  }
}

function writeBlock(out: BitWriter, tokens: Uint32Array, raw: Buffer, isLast: boolean): void {
  const literals = new Uint32Array(286)
  const distances = new Uint32Array(30)
  literals[END_OF_BLOCK] = 1
  for (const token of tokens) {
    const length = token >>> 16
    count(literals, length === 0 ? token : 257 + (LENGTH_CODE[length] as number))
    if (length !== 0) count(distances, distanceCode(token & 0xffff))
  }
  const literalLengths = codeLengths(literals, 15)
  const distanceLengths = codeLengths(distances, 15)
  const tables = describeTables(literalLengths, distanceLengths)
  const bits = tables.bits + bitsOf(literals, literalLengths) + bitsOf(distances, distanceLengths)
  if (bits + extraBits(literals, distances) >= (raw.length + 5 * Math.ceil(raw.length / STORED_MAX)) * 8) {
    writeStored(out, raw, isLast)
    return
  }
  out.write(isLast ? 1 : 0, 1)
  out.write(2, 2)
  tables.write(out)
  writeTokens(out, tokens, literalLengths, distanceLengths)
}

const count = (counts: Uint32Array, symbol: number): void => {
  counts[symbol] = (counts[symbol] as number) + 1
}

const bitsOf = (counts: Uint32Array, lengths: Uint8Array): number =>
  counts.reduce((sum, times, symbol) => sum + times * (lengths[symbol] as number), 0)

function extraBits(literals: Uint32Array, distances: Uint32Array): number {
  const ofLengths = LENGTH_EXTRA.reduce((sum, extra, code) => sum + extra * (literals[257 + code] as number), 0)
  return ofLengths + DISTANCE_EXTRA.reduce((sum, extra, code) => sum + extra * (distances[code] as number), 0)
}

/** RFC 1951, 3.2.4. */
function writeStored(out: BitWriter, raw: Buffer, isLast: boolean): void {
  let start = 0
  do {
    const chunk = raw.subarray(start, start + STORED_MAX)
    start += chunk.length
    out.write(isLast && start >= raw.length ? 1 : 0, 3)
    out.align()
    out.copy(Uint8Array.of(chunk.length, chunk.length >> 8, ~chunk.length, ~chunk.length >> 8))
    out.copy(chunk)
  } while (start < raw.length)
}

function writeTokens(
  out: BitWriter,
  tokens: Uint32Array,
  literalLengths: Uint8Array,
  distanceLengths: Uint8Array,
): void {
  const literalCodes = canonicalCodes(literalLengths)
  const distanceCodes = canonicalCodes(distanceLengths)
  for (const token of tokens) {
    const length = token >>> 16
    if (length === 0) {
      out.write(literalCodes[token] as number, literalLengths[token] as number)
      continue
    }
    const code = LENGTH_CODE[length] as number
    out.write(literalCodes[257 + code] as number, literalLengths[257 + code] as number)
    out.write(length - (LENGTH_BASE[code] as number), LENGTH_EXTRA[code] as number)
    const distance = token & 0xffff
    const far = distanceCode(distance)
    out.write(distanceCodes[far] as number, distanceLengths[far] as number)
    out.write(distance - (DISTANCE_BASE[far] as number), DISTANCE_EXTRA[far] as number)
  }
  out.write(literalCodes[END_OF_BLOCK] as number, literalLengths[END_OF_BLOCK] as number)
}

// RFC 1951, 3.2.7: the order in which the lengths of the code-length code are written.
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

function describeTables(literals: Uint8Array, distances: Uint8Array): { bits: number; write(out: BitWriter): void } {
  const literalCount = lastUsed(literals, 257)
  const distanceCount = lastUsed(distances, 1)
  const runs = runsOf([...literals.subarray(0, literalCount), ...distances.subarray(0, distanceCount)])
  const counts = new Uint32Array(19)
  for (const [symbol] of runs) count(counts, symbol)
  const lengths = codeLengths(counts, 7)
  const codes = canonicalCodes(lengths)
  let ordered = 19
  while (ordered > 4 && lengths[ORDER[ordered - 1] as number] === 0) ordered--
  return {
    bits: 17 + 3 * ordered + bitsOf(counts, lengths) + runs.reduce((sum, [, , extra]) => sum + extra, 0),
    write(out) {
      out.write(literalCount - 257, 5)
      out.write(distanceCount - 1, 5)
      out.write(ordered - 4, 4)
      for (const symbol of ORDER.slice(0, ordered)) out.write(lengths[symbol] as number, 3)
      for (const [symbol, value, extra] of runs) {
        out.write(codes[symbol] as number, lengths[symbol] as number)
        out.write(value, extra)
      }
    },
  }
}

function lastUsed(lengths: Uint8Array, least: number): number {
  let used = lengths.length
  while (used > least && lengths[used - 1] === 0) used--
  return used
}

/** Code lengths with their runs folded: symbol, value of its extra bits, number of extra bits. */
function runsOf(lengths: readonly number[]): [symbol: number, value: number, extra: number][] {
  const runs: [number, number, number][] = []
  for (let at = 0; at < lengths.length; ) {
    const length = lengths[at] as number
    let run = 1
    while (lengths[at + run] === length) run++
    at += run
    if (length !== 0) {
      runs.push([length, 0, 0])
      run--
    }
    while (run >= 3) {
      const folded = Math.min(run, length !== 0 ? 6 : run < 11 ? 10 : 138)
      if (length !== 0) runs.push([16, folded - 3, 2])
      else if (folded < 11) runs.push([17, folded - 3, 3])
      else runs.push([18, folded - 11, 7])
      run -= folded
    }
    while (run-- > 0) runs.push([length, 0, 0])
  }
  return runs
}
