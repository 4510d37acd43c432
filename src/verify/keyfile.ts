import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { PluginError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'
import { keyFault, type PublicKey, publicKeyOf } from './ed25519.ts'
import type { SecretKey } from './secret-key.ts'

const MAX_BYTES = 16 * 1024

export interface KeyFiles {
  readonly secretFile: string
  readonly publicFile: string
}

/**
 * `acme.key` (0600) and `acme.pub`. Neither overwrites anything: a lost secret key is lost for good.
 * @throws PluginError `FILE_EXISTS`, `PASSPHRASE_NEEDED`.
 */
export async function writeKeyFiles(
  prefix: string,
  key: SecretKey,
  options: { readonly passphrase: string | null; readonly comment: string },
): Promise<KeyFiles> {
  const files = { secretFile: `${prefix}.key`, publicFile: `${prefix}.pub` }
  // Loaded when a secret key is at hand: a host that only verifies never has one.
  const { sealKey } = await import('./sealed-key.ts')
  const secret = await sealKey(key, options.passphrase)
  writeNew(files.publicFile, formatPublicKey(key.publicKey, options.comment), 0o644)
  try {
    writeNew(files.secretFile, secret, 0o600)
  } catch (error) {
    rmSync(files.publicFile, { force: true })
    throw error
  } finally {
    secret.fill(0)
  }
  return files
}

/**
 * The key in a secret key file, which must be a regular file that only its owner can read.
 * @throws PluginError `FILE_UNREADABLE`, `KEY_FILE_INVALID`, `PASSPHRASE_NEEDED`, `PASSPHRASE_WRONG`.
 */
export async function readSecretKey(
  path: string,
  passphrase: () => Promise<string | null> | string | null,
): Promise<SecretKey> {
  const bytes = readRegular(path, (stat) => {
    if ((stat.mode & 0o077) !== 0) {
      throw invalid(path, `expected mode 0600, found ${(stat.mode & 0o7777).toString(8).padStart(4, '0')}`, {
        hint: `others may have read it: make a new key, or if you are sure, chmod 600 ${printable(path)}`,
      })
    }
    const self = process.geteuid?.() ?? 0
    if (stat.uid !== self && stat.uid !== 0) throw invalid(path, `it belongs to user ${stat.uid}, who can read it`)
  })
  try {
    const { openSealedKey } = await import('./sealed-key.ts')
    return await openSealedKey(bytes, path, passphrase)
  } finally {
    bytes.fill(0)
  }
}

const lineForm = () => /^ed25519 ([A-Za-z0-9+/]{43}=)(?: ([^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,200}))?$/u

/** A public key as people pass it on. The comment is theirs; only the key itself says anything. */
export interface PublicKeyFile {
  readonly publicKey: PublicKey
  readonly comment: string | null
}

/** `ed25519 BASE64 comment`, one line, and a line for people above it. */
export function formatPublicKey(key: PublicKey, comment: string): Buffer {
  const name = printable(comment, 190).trim()
  return Buffer.from(`# public key ${key.id}\ned25519 ${key.raw.toString('base64')}${name === '' ? '' : ` ${name}`}\n`)
}

/** @throws PluginError `FILE_UNREADABLE`, `KEY_FILE_INVALID`. */
export function readPublicKey(path: string): PublicKeyFile {
  return parsePublicKey(readRegular(path), path)
}

/** @throws PluginError `KEY_FILE_INVALID`. */
export function parsePublicKey(bytes: Buffer, source: string): PublicKeyFile {
  const text = bytes.toString('utf8')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const [line] = lines
  if (lines.length !== 1 || line === undefined) throw invalid(source, `expected one line, found ${lines.length}`)
  if (line.includes('bulkhead-secret-key') || line.startsWith('{')) {
    throw invalid(source, 'expected a public key (.pub), found what looks like a secret one')
  }
  const match = lineForm().exec(line)
  if (match?.[1] === undefined) throw invalid(source, 'expected "ed25519 BASE64 COMMENT"')
  const raw = Buffer.from(match[1], 'base64')
  const fault = raw.toString('base64') === match[1] ? keyFault(raw) : 'is not canonical base64'
  const publicKey = publicKeyOf(raw)
  if (fault !== null || publicKey === null) throw invalid(source, `the key ${fault}`)
  return { publicKey, comment: match[2] ?? null }
}

type Stat = { readonly mode: number; readonly uid: number; readonly size: number }

function readRegular(path: string, check: (stat: Stat) => void = () => {}): Buffer {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ELOOP' ? 'it is a symbolic link' : code === 'ENOENT' ? 'it is not there' : `${code}`
    throw new PluginError('FILE_UNREADABLE', `cannot open the key file ${printable(path)}: ${reason}`, { cause: error })
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) {
      throw new PluginError('FILE_UNREADABLE', `cannot open the key file ${printable(path)}: it is not a regular file`)
    }
    if (stat.size > MAX_BYTES) throw invalid(path, `expected at most ${MAX_BYTES} bytes, found ${stat.size}`)
    check(stat)
    return readFileSync(fd)
  } finally {
    closeSync(fd)
  }
}

function writeNew(path: string, bytes: Buffer, mode: number): void {
  let fd: number
  try {
    fd = openSync(path, 'wx', mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new PluginError('FILE_EXISTS', `cannot write ${printable(path)}: it is there already`, {
        hint: 'choose another name with --out, or move the old file away',
        cause: error,
      })
    }
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new PluginError('FILE_UNREADABLE', `cannot write ${printable(path)}: its folder is not there`, {
        hint: `mkdir -p ${printable(dirname(path))}`,
        cause: error,
      })
    }
    throw new PluginError('FILE_UNREADABLE', `cannot write ${printable(path)}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  try {
    writeFileSync(fd, bytes)
    fchmodSync(fd, mode)
    fsyncSync(fd)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  const folder = openSync(dirname(path), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function invalid(path: string, reason: string, extras: { hint?: string } = {}): PluginError {
  return new PluginError('KEY_FILE_INVALID', `cannot use the key file ${printable(path)}: ${reason}`, extras)
}
