import assert from 'node:assert/strict'
import { test } from 'node:test'
import { latestFor, newestFirst } from '../../src/core/release-choice.ts'
import { listed } from '../registry/shelf.ts'

const of = (...versions: readonly string[]) =>
  versions.map((text) => listed({ version: text.replace('!', ''), yanked: text.endsWith('!') ? 'a hole' : null }))
const chosen = async (range: string | null, versions: readonly string[], includePrerelease = false) =>
  (await latestFor(of(...versions), range, { includePrerelease }))?.version ?? null

test('the newest in the range is chosen, in whatever order they are listed', async () => {
  const all = ['1.9.0', '1.10.0', '2.0.0', '2.1.0-beta.1', '1.2.0']
  assert.equal(await chosen(null, all), '2.0.0')
  assert.equal(await chosen('^1', all), '1.10.0')
  assert.equal(await chosen('<1.10', all), '1.9.0')
  assert.equal(await chosen('3', all), null)
  assert.equal(await chosen(null, []), null)
})

test('a version before its release is chosen by name, or when they are asked for', async () => {
  const all = ['1.0.0', '2.0.0-beta.1', '2.0.0-beta.2']
  assert.equal(await chosen('2.0.0-beta.1', all), '2.0.0-beta.1')
  assert.equal(await chosen('>=2.0.0-beta.1', all), '2.0.0-beta.2')
  assert.equal(await chosen(null, all, true), '2.0.0-beta.2')
  assert.equal(await chosen(null, ['2.0.0-beta.1']), null)
})

test('what was yanked is chosen by its exact version alone', async () => {
  const all = ['1.0.0', '1.1.0!']
  assert.equal(await chosen('^1', all), '1.0.0')
  assert.equal(await chosen('1.1.0', all), '1.1.0')
  assert.equal(await chosen('=1.1.0', all), null)
  assert.equal(await chosen(null, ['1.1.0!']), null)
})

test('builds of one version are told apart by name, and the higher one is the newer', async () => {
  const all = ['1.0.0+b', '1.0.0+c', '1.0.0+a']
  assert.equal(await chosen(null, all), '1.0.0+c')
  assert.equal(await chosen('1.0.0+a', all), '1.0.0+a')
  assert.equal(await chosen('1.0.0', all), '1.0.0+c')
})

test('newest first is by what versions mean', async () => {
  const sorted = await newestFirst(of('1.0.0', '10.0.0', '9.0.0'))
  assert.deepEqual(
    sorted.map(({ version }) => version),
    ['10.0.0', '9.0.0', '1.0.0'],
  )
})
