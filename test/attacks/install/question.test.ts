import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { install } from '../../../src/cli/commands/install.ts'
import type { Settings } from '../../../src/cli/options.ts'
import { parseManifest } from '../../../src/core/manifest-parser.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const manifest = (more: object) =>
  JSON.stringify({ name: 'acme/hello', version: '1.0.0', entry: { runtime: 'node', path: 'main.js' }, ...more })

/** What somebody at a terminal reads before the question, and after it. */
async function asked(attacked: AttackedHome, path: string, more: Partial<Settings> = {}, options: object = {}) {
  const settings = { home: attacked.home, json: false, quiet: false, color: false, columns: 80, ...more }
  let shown = ''
  let before = ''
  const io = {
    stdout: () => {},
    stderr: (text: string) => {
      shown += text
    },
    confirm: async (question: string) => {
      before = `${shown}${question}`
      return true
    },
    secret: async () => null,
    columns: 80,
    rows: null,
    ending: () => new AbortController().signal,
  }
  await install(settings, io, [path], options)
  return before
}

const WANTS = { permissions: { read: ['/usr/share/zoneinfo'], env: ['API_TOKEN'] } }

for (const more of [{ quiet: true }, { json: true }]) {
  test(`a question is never asked without what it is about: ${Object.keys(more)}`, async (t) => {
    const attacked = await AttackedHome.make(t)
    const path = attacked.download(attacked.publisher.publish({ files: { 'plugin.json': manifest(WANTS) } }))
    const text = await asked(attacked, path, more)
    assert.match(text, /API_TOKEN/)
    assert.match(text, /\/usr\/share\/zoneinfo/)
  })
}

test('an update says which permissions are new, and who else signed it', async (t) => {
  const attacked = await AttackedHome.make(t)
  const { authority } = await import('../../helpers/authority.ts')
  await attacked.install()
  const other = await authority()
  await attacked.with(({ trust }) => trust.add(attacked.keyFile(other), { pattern: 'acme/*' }))
  const files = { 'plugin.json': manifest({ ...WANTS, version: '1.1.0' }) }
  const text = await asked(attacked, attacked.download(other.publish({ files })))
  assert.match(text, /^ {2}new since 1\.0\.0:\n(?:\+.*\n)*\+ environment {2}API_TOKEN$/m)
  assert.match(text, new RegExp(`before, by\\n {2}\\| ${attacked.publisher.keyId}\\n`))
})

test('an update that asks for nothing more is no question', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  assert.equal(await asked(attacked, attacked.download(attacked.publisher.publish({ version: '1.1.0' }))), '')
})

test('that nobody signed it is said in the question, and who signed what it replaces', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  await attacked.with(({ trust }) => trust.remove(attacked.publisher.keyId))
  const path = attacked.download(attacked.publisher.publish({ version: '1.1.0' }))
  rmSync(`${path}.sigstore.json`)
  const text = await asked(attacked, path, {}, { allowUnsigned: 'acme/hello', until: '1d' })
  assert.match(text, /signed by +NOBODY: UNSIGNED/)
  assert.match(text, new RegExp(`before, by\\n {2}\\| ${attacked.publisher.keyId}\\n`))
  assert.match(text, /Install UNSIGNED acme\/hello 1\.1\.0\?$/)
})

test('a description cannot draw rows of its own', async (t) => {
  const attacked = await AttackedHome.make(t)
  const row = `  network      none${' '.repeat(62)}`
  const description = `Counts words.${' '.repeat(67)}${row}${row}${row}`
  const path = attacked.download(attacked.publisher.publish({ files: { 'plugin.json': manifest({ description }) } }))
  const text = await asked(attacked, path)
  const onScreen = text.split('\n').flatMap((line) => line.match(/.{1,80}/g) ?? [])
  assert.equal(onScreen.filter((line) => /^\s*network/.test(line)).length, 1, text)
})

// Blanks that are no blanks, text that runs the other way, marks that nobody sees.
const INVISIBLE = ['\u0085', '\u00ad', '\u061c', '\u200b', '\u202e', '\u2028', '\u2066', '\ufeff']

for (const character of INVISIBLE) {
  const name = `U+${character.codePointAt(0)?.toString(16)}`
  test(`a manifest with ${name} in a text or path is refused`, () => {
    for (const more of [
      { description: `a${character}b` },
      { license: `a${character}b` },
      { permissions: { read: [`/usr/share/a${character}b`] } },
      { entry: { runtime: 'node', path: `a${character}b.js` } },
    ]) {
      assert.throws(() => parseManifest(Buffer.from(manifest(more))), { code: 'MANIFEST_INVALID' })
    }
  })
}

test('words of any language, and an emoji made of several, are none of these', () => {
  const description = 'Zählt Wörter – 単語を数える – يعد الكلمات – 👩‍💻'
  assert.equal(parseManifest(Buffer.from(manifest({ description }))).description, description)
})
