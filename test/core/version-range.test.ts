import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import semver from 'semver'
import { faultOfRequires, isVersionRange, VERSION_RANGE, versionRules } from '../../src/core/version-range.ts'

test('whatever the pattern takes for a range is one for semver', () => {
  fc.assert(
    fc.property(fc.stringMatching(VERSION_RANGE), (range) => {
      fc.pre(range.length <= 100)
      assert.notEqual(semver.validRange(range), null, range)
    }),
    { numRuns: 3_000 },
  )
})

const part = fc.nat(30)
const word = fc.constantFrom('', '-rc.1', '-0', '-a-b.c', '+build', '-x+y')
const versions = fc
  .tuple(part, part, part, word)
  .map(([major, minor, patch, rest]) => `${major}.${minor}.${patch}${rest}`)

test('the exact range of a version holds that version, and the caret of it too', async () => {
  const { satisfies } = await versionRules()
  fc.assert(
    fc.property(versions, (version) => {
      const [bare = ''] = version.split('+')
      for (const range of [bare, `=${bare}`, `^${bare}`, `>=${bare} || 0.0.0`]) {
        if (range.length > 100) continue
        assert.ok(isVersionRange(range), range)
        assert.ok(satisfies(version, range), `${version} in ${range}`)
      }
    }),
    { numRuns: 1_000 },
  )
})

test('a version before a release belongs only to a range that names one of the same release', async () => {
  const { satisfies } = await versionRules()
  assert.equal(satisfies('1.2.0-rc.1', '*'), false)
  assert.equal(satisfies('1.2.0-rc.1', '>=1.0.0-rc.0'), false)
  assert.equal(satisfies('1.2.0-rc.1', '>=1.2.0-rc.0'), true)
})

test('no two versions compare as equal that are not the same', async () => {
  const { compare } = await versionRules()
  assert.equal(compare('1.0.0+b', '1.0.0+a'), 1)
  assert.equal(compare('1.0.0', '1.0.0'), 0)
  assert.equal(compare('1.0.0-rc.1', '1.0.0'), -1)
})

test('what a listing requires keeps the rules of a manifest, and is told without obeying it', () => {
  assert.equal(faultOfRequires('acme/a', { 'acme/b': '^1' }), null)
  assert.equal(faultOfRequires('acme/a', { 'acme/a': '^1' }), 'it requires itself')
  assert.equal(
    faultOfRequires('acme/a', { 'acme/b': '\u001b[2J' }),
    'it requires acme/b "\\u{1b}[2J", which is no range of versions',
  )
})
