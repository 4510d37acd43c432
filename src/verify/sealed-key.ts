import { randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import * as z from 'zod/mini'
import { PluginError } from '../core/errors.ts'
import { faultsOf } from '../core/faults.ts'
import { parseStrictJson } from '../core/json.ts'
import { printable } from '../core/printable.ts'
import { KEY_ID } from './ed25519.ts'
import { sentenceOf } from './reader.ts'
import { keyFromSeed, SEED_BYTES, type SecretKey } from './secret-key.ts'

const TYPE = 'bulkhead-secret-key'
const NONCE_BYTES = 24
const BOX_OVERHEAD_BYTES = 16
const MAX_BYTES = 16 * 1024

/** OWASP's first choice for scrypt: 128 MiB and about half a second for each guess. */
const COST = { N: 2 ** 17, r: 8, p: 1 }

const base64 = (bytes: number) =>
  z.string().check(
    z.refine(
      (text) => Buffer.from(text, 'base64').length === bytes && Buffer.from(text, 'base64').toString('base64') === text,
      {
        error: `must be ${bytes} bytes in canonical base64`,
      },
    ),
  )
const cost = (min: number, max: number) => z.int().check(z.gte(min), z.lte(max))

const common = {
  type: z.literal(TYPE),
  version: z.literal(1),
  warning: z.optional(z.string().check(z.maxLength(500))),
  keyId: z.string().check(z.regex(KEY_ID)),
}
const schema = z.discriminatedUnion('encryption', [
  z.strictObject({ ...common, encryption: z.literal('none'), secret: base64(SEED_BYTES) }),
  z.strictObject({
    ...common,
    encryption: z.literal('scrypt-xsalsa20-poly1305'),
    // The upper bounds keep a hostile file from taking the machine's memory: 1 GiB at the most.
    scrypt: z.strictObject({ N: cost(2 ** 14, 2 ** 20), r: cost(8, 8), p: cost(1, 4), salt: base64(32) }),
    nonce: base64(NONCE_BYTES),
    secret: base64(SEED_BYTES + BOX_OVERHEAD_BYTES),
  }),
])

/** The content of a key file. `passphrase` null: not encrypted, and marked so that no reader misses it. */
export async function sealKey(key: SecretKey, passphrase: string | null): Promise<Buffer> {
  const seed = key.copySeed()
  try {
    const file = passphrase === null ? bare(key, seed) : await encrypted(key, seed, passphrase)
    return Buffer.from(`${JSON.stringify(file, null, 2)}\n`)
  } finally {
    seed.fill(0)
  }
}

type KeyFile = z.output<typeof schema>

function bare(key: SecretKey, seed: Buffer): KeyFile {
  return {
    type: TYPE,
    version: 1,
    warning: 'NOT ENCRYPTED: whoever reads this file can sign as this key',
    keyId: key.publicKey.id,
    encryption: 'none',
    secret: seed.toString('base64'),
  }
}

async function encrypted(key: SecretKey, seed: Buffer, passphrase: string): Promise<KeyFile> {
  if (passphrase === '') throw passphraseNeeded('an empty passphrase protects nothing')
  const { default: nacl } = await import('tweetnacl')
  const salt = randomBytes(32)
  const nonce = randomBytes(NONCE_BYTES)
  const wrapping = await derive(passphrase, salt, COST)
  const box = nacl.secretbox(Uint8Array.from(seed), Uint8Array.from(nonce), wrapping)
  wrapping.fill(0)
  return {
    type: TYPE,
    version: 1,
    keyId: key.publicKey.id,
    encryption: 'scrypt-xsalsa20-poly1305',
    scrypt: { ...COST, salt: salt.toString('base64') },
    nonce: nonce.toString('base64'),
    secret: Buffer.from(box).toString('base64'),
  }
}

/**
 * The key in a key file's content. `passphrase` is asked for only when there is one.
 * @throws PluginError `KEY_FILE_INVALID`, `PASSPHRASE_NEEDED`, `PASSPHRASE_WRONG`.
 */
export async function openSealedKey(
  bytes: Uint8Array,
  source: string,
  passphrase: () => Promise<string | null> | string | null,
): Promise<SecretKey> {
  const file = parse(bytes, source)
  const seed = file.encryption === 'none' ? Buffer.from(file.secret, 'base64') : await decrypt(file, source, passphrase)
  try {
    const key = await keyFromSeed(seed)
    // The id stands outside the encryption: somebody could have swapped two files' ids to have the wrong key used.
    if (key.publicKey.id !== file.keyId) {
      throw invalid(source, `says ${file.keyId}, but holds ${key.publicKey.id}`)
    }
    return key
  } finally {
    seed.fill(0)
  }
}

async function decrypt(
  file: Extract<KeyFile, { encryption: 'scrypt-xsalsa20-poly1305' }>,
  source: string,
  ask: () => Promise<string | null> | string | null,
): Promise<Buffer> {
  const passphrase = await ask()
  if (passphrase === null || passphrase === '') throw passphraseNeeded(`${printable(source)} is encrypted`)
  const { default: nacl } = await import('tweetnacl')
  const wrapping = await derive(passphrase, Buffer.from(file.scrypt.salt, 'base64'), file.scrypt)
  const decode = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'))
  const seed = nacl.secretbox.open(decode(file.secret), decode(file.nonce), wrapping)
  wrapping.fill(0)
  if (seed === null) {
    throw new PluginError('PASSPHRASE_WRONG', `cannot open ${printable(source)}: the passphrase does not fit`, {
      hint: 'try again; there is no way to read the key without its passphrase',
    })
  }
  return Buffer.from(seed)
}

const scryptAsync = promisify<string, Buffer, number, object, Buffer>(scrypt)

/** NFKC, so that one passphrase typed on two keyboards is one passphrase. */
async function derive(passphrase: string, salt: Buffer, { N, r, p }: typeof COST): Promise<Uint8Array> {
  const maxmem = 128 * N * r * p + 2 ** 20 + 128 * r * p
  return Uint8Array.from(await scryptAsync(passphrase.normalize('NFKC'), salt, 32, { N, r, p, maxmem }))
}

function parse(bytes: Uint8Array, source: string): KeyFile {
  const json = parseStrictJson(bytes, { maxBytes: MAX_BYTES, maxDepth: 4 })
  if (!json.ok) throw invalid(source, json.reason)
  const parsed = schema.safeParse(json.value)
  if (!parsed.success) throw invalid(source, printable(sentenceOf(faultsOf(parsed.error)), 500))
  const file = parsed.data
  if (file.encryption !== 'none' && !Number.isInteger(Math.log2(file.scrypt.N))) {
    throw invalid(source, 'scrypt.N must be a power of two')
  }
  return file
}

function invalid(source: string, reason: string): PluginError {
  return new PluginError('KEY_FILE_INVALID', `cannot use the key file ${printable(source)}: ${reason}`, {
    hint: 'expected a file written by: plugins keygen --out NAME',
  })
}

function passphraseNeeded(why: string): PluginError {
  return new PluginError('PASSPHRASE_NEEDED', `cannot use a key without a passphrase: ${why}`, {
    hint: 'plugins keygen --no-passphrase makes a key file that is not encrypted, for automation',
  })
}
