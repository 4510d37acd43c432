import { type InitOptions, openMarketplace, UsageError } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'
import { type PassphraseOptions, readPassphrase } from '../passphrase.ts'
import { plain } from '../text.ts'

export async function init(settings: Settings, io: Io, dir: string, options: InitOptions) {
  const made = await (await openMarketplace()).init(dir, options)
  if (settings.json) return print(io, made)
  io.stdout(`made ${made.name} in ${dir}:\n${made.files.map((file) => `  ${file}\n`).join('')}`)
  if (!settings.quiet) io.stderr(`\nnext: plugins validate ${dir}, then plugins pack ${dir}\n`)
}

export async function validate(settings: Settings, io: Io, dir: string) {
  const packed = await (await openMarketplace()).validate(dir)
  if (settings.json) return print(io, { valid: true, ...packed })
  io.stdout(`valid: ${packed.name} ${packed.version}, ${packed.files} files, ${packed.bytes} bytes\n`)
  sayLeftOut(settings, io, packed.leftOut)
}

export async function schema(_settings: Settings, io: Io) {
  print(io, await (await openMarketplace()).schema())
}

export async function pack(settings: Settings, io: Io, dir: string, options: { out: string }) {
  const packed = await (await openMarketplace()).pack(dir, options.out)
  if (settings.json) return print(io, packed)
  io.stdout(`${packed.path}\nsha256:${packed.sha256}\n`)
  if (!settings.quiet) io.stderr(`packed ${packed.name} ${packed.version}: ${packed.files} files\n`)
  sayLeftOut(settings, io, packed.leftOut)
}

function sayLeftOut(settings: Settings, io: Io, leftOut: readonly string[]): void {
  if (leftOut.length > 0 && !settings.quiet) io.stderr(`left out: ${leftOut.map(plain).join(', ')}\n`)
}

export async function keygen(
  settings: Settings,
  io: Io,
  options: PassphraseOptions & { out: string; passphrase: boolean },
) {
  const passphrase = options.passphrase ? await newPassphrase(io, options.passphraseFile) : null
  const key = await (await openMarketplace()).generateKey(options.out, passphrase)
  if (settings.json) return print(io, key)
  io.stdout(`${key.id}\n`)
  if (settings.quiet) return
  io.stderr(
    `${key.secretFile}  secret${passphrase === null ? ', NOT encrypted' : ', encrypted'}: keep it to yourself\n`,
  )
  io.stderr(`${key.publicFile}  public: give it to who installs your plugins\n`)
}

async function newPassphrase(io: Io, file: string | undefined): Promise<string> {
  const first = await readPassphrase(io, file, 'New passphrase')
  if (first === null) {
    throw new UsageError('PASSPHRASE_NEEDED', 'cannot ask for a passphrase: there is no terminal', {
      hint: '--passphrase-file FILE, or --no-passphrase to leave the key unencrypted',
    })
  }
  if (first === '')
    throw new UsageError('PASSPHRASE_NEEDED', 'cannot use an empty passphrase', {
      hint: '--no-passphrase leaves the key unencrypted',
    })
  if (file === undefined && (await io.secret('Again')) !== first) {
    throw new UsageError('USAGE', 'cannot make the key: the two passphrases differ')
  }
  return first
}

function print(io: Io, value: unknown): undefined {
  io.stdout(`${JSON.stringify(value, null, 2)}\n`)
}
