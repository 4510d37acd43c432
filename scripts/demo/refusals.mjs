import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tarballOf } from './journey.mjs'
import { readOutcome } from './outcome.mjs'

const HELLO = tarballOf('hello', '1.0.0')
const REFUSED = 3

/** Three things that must not happen, and the message that somebody would get. */
export async function refusals(demo) {
  await flippedByte(demo)
  await unknownSigner(demo)
  await changedFile(demo)
}

async function flippedByte(demo) {
  const { stage, screen, summary } = demo
  screen.chapter('Refused: one byte of the tarball was flipped')
  const tampered = HELLO.replace('dist/', 'tampered/')
  mkdirSync(stage.path('tampered'))
  const bytes = readFileSync(stage.path(HELLO))
  bytes[bytes.length >> 1] ^= 1
  writeFileSync(stage.path(tampered), bytes)
  copyFileSync(stage.path(`${HELLO}.sigstore.json`), stage.path(`${tampered}.sigstore.json`))

  await refused(demo, tampered, 'DIGEST_MISMATCH')
  summary.refusals.push(['a flipped byte', 'DIGEST_MISMATCH', REFUSED])
}

async function unknownSigner(demo) {
  const { stage, shell, screen, summary } = demo
  screen.chapter('Refused: signed, but by nobody this host knows')
  const forged = HELLO.replace('dist/', 'forged/')
  mkdirSync(stage.path('forged'))
  copyFileSync(stage.path(HELLO), stage.path(forged))

  await shell.plugins(['keygen', '--out', 'mallory', '--no-passphrase'])
  await shell.plugins(['sign', forged, '--key', 'mallory.key'])
  await refused(demo, forged, 'SIGNER_NOT_TRUSTED')
  summary.refusals.push(['an unknown signer', 'SIGNER_NOT_TRUSTED', REFUSED])
}

/** Once for a person, who gets a sentence, and once for a program, which gets the code. */
async function refused({ shell, score }, tarball, code) {
  const install = ['install', tarball, '--yes']
  await shell.plugins(install, { exit: REFUSED, says: /^plugins: cannot /m })
  const shown = `{ "error": { "code": "${code}", … } }`
  const { stdout } = await shell.plugins(['--json', ...install], { exit: REFUSED, shown })
  const { error } = JSON.parse(stdout)
  score.expect(error.code === code, `the verdict on ${tarball} was ${error.code}, expected ${code}`)
}

async function changedFile({ stage, shell, screen, score, summary }) {
  screen.chapter('Refused: an installed file was changed')
  const info = await shell.plugins(['info', 'acme/hello'], { says: 'acme/hello' })
  const folder = /^files +(\S+)$/m.exec(info.stdout)?.[1]
  score.expect(folder !== undefined, '`plugins info acme/hello` does not say where its files are')
  const main = join(folder, 'root', 'plugin', 'main.mjs')
  screen.say("Somebody who can write where Bulkhead keeps its plugins adds a line to acme/hello's main.mjs.")
  const text = readFileSync(main)
  chmodSync(main, 0o644)
  writeFileSync(main, `${text}console.log('and I was never signed')\n`)
  chmodSync(main, 0o444)

  const report = stage.path('changed.json')
  await shell.plugins(['run', 'acme/hello', '--report', 'changed.json', '--', 'Ada'], {
    exit: 125,
    says: /^plugins: cannot /m,
  })
  const { outcome, error } = readOutcome(report)
  score.expect(
    outcome === 'refused' && error === 'MODIFIED',
    `the run was ${outcome} (${error}), expected refused (MODIFIED)`,
  )
  screen.say('125: it never started. The reason is in the report, and verify ends with it:')
  await shell.plugins(['verify', 'acme/hello'], { exit: REFUSED, says: ['refused (MODIFIED)', 'main.mjs'] })
  summary.refusals.push(['a file changed after install', 'MODIFIED', REFUSED])
}
