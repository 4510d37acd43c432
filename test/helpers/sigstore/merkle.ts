// A Merkle tree over log entries (RFC 6962, 2.1).

import { createHash, randomBytes } from 'node:crypto'

const hash = (...parts: readonly Uint8Array[]): Buffer => {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest()
}
/** The prefixes keep a leaf from being taken for a node, and the reverse. */
export const leafHash = (entry: Buffer): Buffer => hash(Buffer.from([0]), entry)
const nodeHash = (left: Buffer, right: Buffer): Buffer => hash(Buffer.from([1]), left, right)

export class MerkleTree {
  readonly #leaves: Buffer[] = []

  /** Begins with a few entries of others, so that a proof has something to prove. */
  constructor(others = 5) {
    for (let i = 0; i < others; i++) this.#leaves.push(leafHash(randomBytes(32)))
  }

  get size(): number {
    return this.#leaves.length
  }

  /** The index of the new entry. */
  append(entry: Buffer): number {
    return this.#leaves.push(leafHash(entry)) - 1
  }

  get root(): Buffer {
    return rootOf(this.#leaves)
  }

  /** RFC 6962, 2.1.1: the audit path of one leaf in the tree as it is now. */
  path(index: number): readonly Buffer[] {
    return pathOf(index, this.#leaves)
  }
}

/** The largest power of two below `n`. */
const split = (n: number): number => 2 ** Math.floor(Math.log2(n - 1))

function rootOf(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves
  if (only === undefined) return hash()
  if (leaves.length === 1) return only
  const k = split(leaves.length)
  return nodeHash(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

function pathOf(index: number, leaves: readonly Buffer[]): readonly Buffer[] {
  if (leaves.length <= 1) return []
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return index < k ? [...pathOf(index, left), rootOf(right)] : [...pathOf(index - k, right), rootOf(left)]
}
