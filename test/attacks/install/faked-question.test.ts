// Whatever a publisher writes into a manifest, the rows of a question are ours: no line is so long that a terminal breaks it,
// and what goes on does so behind a bar.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { install } from '../../../src/cli/commands/install.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const manifest = (version: string, more: object) => ({
  'plugin.json': JSON.stringify({ name: 'acme/hello', version, entry: { runtime: 'node', path: 'main.js' }, ...more }),
})

/** What a terminal of 80 columns shows before the question. */
async function shown(attacked: AttackedHome, path: string): Promise<string[]> {
  const settings = { home: attacked.home, json: false, quiet: false, color: false, columns: 80 }
  let text = ''
  const io = {
    stdout: () => {},
    stderr: (more: string) => {
      text += more
    },
    confirm: async () => true,
    secret: async () => null,
    columns: 80,
    rows: null,
    ending: () => new AbortController().signal,
  }
  await install(settings, io, [path], {})
  const [question = ''] = text.split('\n\n')
  return question.split('\n')
}

/** A terminal's columns: East Asian letters take two. */
const width = (line: string) =>
  [...line].reduce((sum, one) => sum + (/[\u1100-\ud7ff\uf900-\uffdc]/u.test(one) ? 2 : 1), 0)

const ROW = '  network      none'
const WORDS: readonly [what: string, more: object][] = [
  ['a description with a row in it', { description: `Counts.${' '.repeat(73)}${ROW}${' '.repeat(61)}${ROW}` }],
  [
    'a description that begins a line with a label',
    { description: `${'x'.repeat(64)} network none limits none reads none` },
  ],
  ['a description with a bar in it', { description: `${'x '.repeat(60)}| network none` }],
  ['a description of wide letters', { description: '単'.repeat(200) }],
  ['a path with a row in it', { permissions: { read: [`/usr/share/x${' '.repeat(60)}${ROW}`] } }],
  [
    'a path of blanks that are none',
    { permissions: { read: [`/usr/share/x${'\u3000'.repeat(100)}network\u3000none`] } },
  ],
  ['a path of a thousand letters', { permissions: { read: [`/usr/share/${'network none '.repeat(70)}`] } }],
  ['a path of wide letters', { permissions: { read: [`/usr/share/${'単'.repeat(300)}`] } }],
  [
    'a hundred hosts',
    { permissions: { network: Array.from({ length: 100 }, (_, at) => `host-${at}.example.com:443`) } },
  ],
]

for (const [what, more] of WORDS) {
  test(`${what} draws no row, at a first install and at an update`, async (t) => {
    const attacked = await AttackedHome.make(t)
    for (const [version, before] of [
      ['1.0.0', /^(?: {2}[a-z][a-z ]{10} {2}| {2}(?:signed by|says|reads)$| {2}\| )/],
      // Raised, so that it is asked about once more.
      ['1.1.0', /^(?:[ +] [a-z][a-z ]{10} {2}|[ +] (?:signed by|says|reads)$| {2}\| | {2}new since 1\.0\.0:$)/],
    ] as const) {
      const rights =
        version === '1.0.0'
          ? more
          : { ...more, permissions: { ...('permissions' in more ? (more.permissions as object) : {}), env: ['A'] } }
      const [title, ...lines] = await shown(
        attacked,
        attacked.download(attacked.publisher.publish({ files: manifest(version, rights) })),
      )
      assert.match(title ?? '', /^acme\/hello 1\.\d\.0(?:, in place of 1\.0\.0)?$/)
      for (const line of lines) {
        assert.ok(width(line) <= 80, `${width(line)} columns: ${line}`)
        assert.match(line, before)
      }
      const network = lines.filter((line) => /^[ +] network/.test(line))
      assert.equal(network.length, version === '1.0.0' ? 1 : 0, lines.join('\n'))
    }
  })
}
