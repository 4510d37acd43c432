import { open } from 'node:fs/promises'
import { type KeylessOptions, openMarketplace, type SignReport, UsageError } from '../../index.ts'
import { instant } from '../instant.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { type PassphraseOptions, readPassphrase } from '../passphrase.ts'
import { plain } from '../text.ts'

interface SignFlags extends PassphraseOptions {
  readonly key?: string
  readonly keyless?: boolean
  readonly identityToken?: string
  readonly audience: string
  readonly fulcioUrl?: string
  readonly rekorUrl?: string
  readonly rekorVersion: string
  readonly timestampUrl?: string
  readonly countersign?: boolean
  readonly note?: string
  readonly sequence?: string
  readonly expires?: string
  readonly force?: boolean
}

export async function sign(settings: Settings, io: Io, tarball: string, flags: SignFlags) {
  assertTogether(flags)
  const signed = await (await openMarketplace()).sign(tarball, {
    key: flags.key,
    passphrase: () => readPassphrase(io, flags.passphraseFile, `Passphrase of ${flags.key}`),
    keyless: flags.keyless === true ? await keylessOptions(flags, settings, io) : undefined,
    timestampUrl: flags.timestampUrl,
    countersign: flags.countersign === true ? { note: flags.note } : undefined,
    sequence: wholeNumber(flags.sequence, '--sequence'),
    expiresAt: instant(flags.expires, '--expires'),
    replace: flags.force,
  })
  if (settings.json) return print(io, signed)
  io.stdout(`${signed.bundle}\n`)
  if (!settings.quiet) io.stderr(describe(signed))
}

function describe(signed: SignReport): string {
  const { name, version, kind, keyId, identity, log, timestamp, signatures, replaced } = signed
  const who = identity === null ? keyId : `${identity.identity}, vouched for by ${identity.issuer}`
  const lines = [`${kind === 'release' ? 'signed' : 'countersigned'} ${name} ${version} as ${who}`]
  if (log !== null) {
    const note = log.isPublic ? ': everybody can read who signed, for ever' : ''
    lines.push(`logged as entry ${log.index} of ${log.url}${note}`)
  }
  if (timestamp !== null) lines.push(`timestamp ${timestamp}`)
  if (replaced) lines.push('replaced an earlier signature of the same signer')
  if (signatures > 1) lines.push(`the file holds ${signatures} signatures now`)
  return lines.map((line) => `${plain(line)}\n`).join('')
}

/** A flag that would silently mean nothing is a misunderstanding. */
function assertTogether(flags: SignFlags): void {
  const needs = [
    ['--identity-token', flags.identityToken, '--keyless', flags.keyless],
    ['--fulcio-url', flags.fulcioUrl, '--keyless', flags.keyless],
    ['--rekor-url', flags.rekorUrl, '--keyless', flags.keyless],
    ['--note', flags.note, '--countersign', flags.countersign],
  ] as const
  for (const [flag, value, other, given] of needs) {
    if (value !== undefined && given !== true) throw new UsageError('USAGE', `cannot use ${flag} without ${other}`)
  }
  const ofPublisher = flags.sequence === undefined ? flags.expires && '--expires' : '--sequence'
  if (flags.countersign === true && ofPublisher !== undefined) {
    throw new UsageError('USAGE', `cannot use ${ofPublisher} with --countersign: it is the publisher's to say`)
  }
}

async function keylessOptions(flags: SignFlags, settings: Settings, io: Io): Promise<KeylessOptions> {
  const { identityToken, audience, fulcioUrl, rekorUrl, rekorVersion } = flags
  return {
    identityToken: identityToken === undefined ? undefined : await readToken(identityToken, settings, io),
    environment: process.env,
    audience,
    fulcioUrl,
    rekorUrl,
    rekorVersion: rekorVersion === '2' ? 2 : 1,
  }
}

const TOKEN_MAX_BYTES = 64 * 2 ** 10

async function readToken(given: string, settings: Settings, io: Io): Promise<{ text: string; source: string }> {
  if (given === '-') return { text: await readAll(process.stdin, 'standard input'), source: 'standard input' }
  if (!given.startsWith('@')) {
    if (!settings.quiet)
      io.stderr('note: everybody on this machine can read a command line; @FILE or - hides the token\n')
    return { text: given, source: '--identity-token' }
  }
  const path = given.slice(1)
  try {
    await using file = await open(path, 'r')
    return { text: await readAll(file.createReadStream({ autoClose: false }), path), source: path }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError('FILE_UNREADABLE', `cannot read the identity token: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

async function readAll(stream: AsyncIterable<Buffer | string>, source: string): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += chunk.toString()
    if (text.length <= TOKEN_MAX_BYTES) continue
    throw new UsageError(
      'IDENTITY_TOKEN_INVALID',
      `cannot use ${source}: an identity token is at most ${TOKEN_MAX_BYTES} bytes`,
    )
  }
  return text.trim()
}

interface RotateFlags extends PassphraseOptions {
  readonly old: string
  readonly new: string
  readonly out: string
  readonly validFrom?: string
  readonly oldValidUntil?: string
}

export async function rotate(settings: Settings, io: Io, flags: RotateFlags) {
  const rotated = await (await openMarketplace()).rotate({
    old: flags.old,
    passphrase: () => readPassphrase(io, flags.passphraseFile, `Passphrase of ${flags.old}`),
    new: flags.new,
    out: flags.out,
    validFrom: instant(flags.validFrom, '--valid-from'),
    oldValidUntil: instant(flags.oldValidUntil, '--old-valid-until'),
  })
  if (settings.json) return print(io, rotated)
  io.stdout(`${rotated.file}\n`)
  if (settings.quiet) return
  io.stderr(`${rotated.oldKeyId} names ${rotated.newKeyId} as the key that takes its place\n`)
  io.stderr('give the file to who trusts the old key\n')
}

function wholeNumber(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new UsageError('USAGE', `cannot use ${flag} "${text}": expected a whole number`)
  }
  return value
}

function print(io: Io, value: unknown): undefined {
  io.stdout(`${JSON.stringify(value, null, 2)}\n`)
}
