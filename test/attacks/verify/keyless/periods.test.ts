// Each part of a trusted root is trusted for a time. A log that was retired because its key leaked, or that began only
// afterwards, vouches for nothing outside of it; the library asks for a log's period only where there is a promise.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changed } from '../../../helpers/edited.ts'
import { askUs, assertOnlyWeRefuse, Forge } from '../../../helpers/forge.ts'

const now = new Date()
const forge = new Forge(now)
const document = forge.sign()
const at = (minutes: number) => new Date(now.getTime() + minutes * 60_000).toISOString()
const logPeriod = ['tlogs', 0, 'publicKey', 'validFor'] as const

test('refuses a log that was not trusted yet, or not any more, when the signature was made', async () => {
  for (const period of [{ start: at(1) }, { start: at(-60), end: at(-1) }]) {
    const root = changed(forge.trustedRoot, logPeriod, period)
    const expected = { code: 'LOG_INVALID', message: /was not trusted at the time/ }
    await assertOnlyWeRefuse(document, root, expected)
  }
})

test('accepts both ends of a period', async () => {
  const second = new Date(Math.floor(now.getTime() / 1000) * 1000).toISOString()
  for (const period of [{ start: second }, { start: at(-60), end: second }]) {
    await askUs(document, changed(forge.trustedRoot, logPeriod, period))
    await askUs(document, changed(forge.trustedRoot, ['timestampAuthorities', 0, 'validFor'], period))
    await askUs(document, changed(forge.trustedRoot, ['certificateAuthorities', 0, 'validFor'], period))
  }
})

test('refuses the other parts outside of their period too', async () => {
  for (const [part, code] of [
    ['timestampAuthorities', 'TIMESTAMP_INVALID'],
    ['certificateAuthorities', 'CERTIFICATE_INVALID'],
  ] as const) {
    for (const period of [{ start: at(1) }, { start: at(-60), end: at(-1) }]) {
      await assert.rejects(askUs(document, changed(forge.trustedRoot, [part, 0, 'validFor'], period)), { code })
    }
  }
  const late = changed(forge.trustedRoot, ['ctlogs', 0, 'publicKey', 'validFor'], { start: at(1) })
  await assert.rejects(askUs(document, late), { code: 'CERTIFICATE_INVALID' })
})

// The library takes a period without a start for one since 1970.
for (const path of [
  logPeriod,
  ['ctlogs', 0, 'publicKey', 'validFor'],
  ['certificateAuthorities', 0, 'validFor'],
  ['timestampAuthorities', 0, 'validFor'],
]) {
  test(`refuses a root in which ${path[0]} have no start`, async () => {
    for (const period of [undefined, {}, { end: at(60) }]) {
      await assertOnlyWeRefuse(document, changed(forge.trustedRoot, path, period), { code: 'ROOT_INVALID' })
    }
  })
}
