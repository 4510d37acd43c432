// A transparency log: a Merkle tree whose head is signed as a checkpoint
// (https://github.com/transparency-dev/formats/blob/main/log/README.md, https://c2sp.org/signed-note).

import { randomBytes, sign } from 'node:crypto'
import { MerkleTree } from './merkle.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import { digestOf, type Key, makeKey } from './x509.ts'

export interface Inclusion {
  readonly index: number
  readonly size: number
  readonly root: Buffer
  readonly hashes: readonly Buffer[]
  readonly checkpoint: string
}

export type LogKey = 'ecdsa' | 'ed25519'

export class Log {
  readonly kind: LogKey
  readonly key: Key
  readonly #stranger: Key
  readonly #tree = new MerkleTree()
  readonly #bodies = new Set<string>()
  /** The host of the log: the name that its signatures carry. */
  #name = ''
  readonly #origin: (name: string) => string

  constructor(kind: LogKey, origin: (name: string) => string) {
    this.kind = kind
    this.key = makeKey(kind === 'ecdsa' ? 'P-256' : 'ed25519')
    this.#stranger = makeKey(kind === 'ecdsa' ? 'P-256' : 'ed25519')
    this.#origin = origin
  }

  open(url: string): void {
    this.#name = new URL(url).host
  }

  /** Of an ECDSA key its digest; of an Ed25519 key that of the log's name, the algorithm and the key (signed-note). */
  get id(): Buffer {
    if (this.kind === 'ecdsa') return digestOf(this.key.spki)
    return digestOf(Buffer.concat([Buffer.from(`${this.#name}\n`), Buffer.from([1]), this.key.spki.subarray(-32)]))
  }

  has(body: Buffer): boolean {
    return this.#bodies.has(body.toString())
  }

  append(body: Buffer, amiss: Misbehaviour['log']): Inclusion {
    this.#bodies.add(body.toString())
    const index = this.#tree.append(body)
    const proven = amiss === 'other-leaf' ? this.#tree.append(randomBytes(32)) : index
    const root = amiss === 'other-tree' ? randomBytes(32) : this.#tree.root
    const { size } = this.#tree
    return { index: proven, size, root, hashes: this.#tree.path(proven), checkpoint: this.#head(size, root, amiss) }
  }

  signs(bytes: Buffer, forged: boolean): Buffer {
    const { secret } = forged ? this.#stranger : this.key
    return sign(this.kind === 'ecdsa' ? 'sha256' : null, bytes, secret)
  }

  #head(size: number, root: Buffer, amiss: Misbehaviour['log']): string {
    const note = `${this.#origin(this.#name)}\n${size}\n${root.toString('base64')}\n`
    const signature = this.signs(Buffer.from(note), amiss === 'forged' || amiss === 'forged-checkpoint')
    const line = Buffer.concat([this.id.subarray(0, 4), signature]).toString('base64')
    return `${note}\n\u2014 ${this.#name} ${line}\n`
  }
}
