// The list of attacks is whole: every layer is attacked, by programs of every language, and the documentation has it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { LANGUAGES } from './arsenal.ts'
import type { Attack } from './attack.ts'
import type { Finding } from './campaign.ts'
import { ATTACKS } from './catalogue.ts'
import { catalogueTable } from './catalogue-table.ts'
import { rowsOf, totalsOf } from './report.ts'

const ROOT = resolve(import.meta.dirname, '../../..')

/** Nobody can plan a run without it yet: the relay is attacked in test/runtime/network. */
const ELSEWHERE = ['network']

const layers = [
  ...readFileSync(join(ROOT, 'src/runtime/launcher/layers.h'), 'utf8').matchAll(/X\(\w+, "([\w-]+)"\)/g),
].map(([, name]) => name)

test('there are at least 80, each with a name of its own, in three languages', () => {
  assert.ok(ATTACKS.length >= 80)
  assert.equal(new Set(ATTACKS.map(({ name }) => name)).size, ATTACKS.length)
  for (const language of LANGUAGES) assert.ok(ATTACKS.filter((one) => one.language === language).length >= 20, language)
})

test('each layer is attacked, and shown to be what stops the attack', () => {
  assert.equal(layers.length, 25)
  for (const layer of layers.filter((one) => !ELSEWHERE.includes(one as string)))
    assert.ok(
      ATTACKS.some((one) => one.layer === layer && one.loose !== null),
      layer,
    )
})

test('what no switch lets through says why', () => {
  for (const { name, loose, unswitched } of ATTACKS) assert.equal(loose === null, unswitched !== undefined, name)
})

test('no answer is both contained and loose', () => {
  const errors = Object.keys(constants.errno).map((name) => `no ${name}`)
  const others = [
    'yes',
    'yes 1',
    'no',
    'no 0',
    'no 256',
    '1 1',
    '2 2',
    '0 0',
    '300 [exited 0]',
    '[exited 0]',
    '',
    'not run: cannot',
  ]
  for (const { name, contained, loose } of ATTACKS)
    for (const answer of [...errors, ...others])
      assert.ok(!(contained.test(answer) && loose?.test(answer)), `${name}: ${answer}`)
})

test('docs/attacks.md lists them', () => {
  assert.ok(
    readFileSync(join(ROOT, 'docs/attacks.md'), 'utf8').includes(catalogueTable(ATTACKS)),
    'node test/attacks/suite/report.ts --list prints it',
  )
})

const [attack] = ATTACKS as [Attack]
const finding = (contained: boolean | null, loose: boolean | null): Finding => ({
  attack: attack.name,
  mode: 'root',
  contained: { as: contained, words: 'no' },
  loose: { as: loose, words: 'yes' },
})
const totals = (one: Finding) => totalsOf(rowsOf([{ mode: 'root', findings: [one] }]))

test('the table counts an escape, and an attack that fails without its layer', () => {
  assert.deepEqual(totals(finding(true, true)), {
    attacks: ATTACKS.length,
    contained: 1,
    escaped: 0,
    succeedWithoutLayer: 1,
    held: 0,
  })
  assert.deepEqual(totals(finding(false, true)), {
    attacks: ATTACKS.length,
    contained: 0,
    escaped: 1,
    succeedWithoutLayer: 1,
    held: 0,
  })
  assert.deepEqual(totals(finding(true, false)), {
    attacks: ATTACKS.length,
    contained: 1,
    escaped: 0,
    succeedWithoutLayer: 0,
    held: 1,
  })
  assert.deepEqual(totals(finding(null, null)), {
    attacks: ATTACKS.length,
    contained: 0,
    escaped: 0,
    succeedWithoutLayer: 0,
    held: 0,
  })
})
