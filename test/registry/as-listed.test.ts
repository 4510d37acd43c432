import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAsListed } from '../../src/registry/index.ts'
import { HELLO, listed } from './shelf.ts'

const manifest = { name: HELLO, version: '1.0.0', requires: {}, engines: {} }

test('a manifest that says what was listed is let through, whatever the order', () => {
  assertAsListed(listed(), manifest)
  const requires = { 'acme/a': '^1', 'acme/b': '^2' }
  const platforms = ['linux/arm64', 'linux/amd64'] as const
  assertAsListed(
    listed({
      requires: { 'acme/b': '^2', 'acme/a': '^1' },
      engines: { node: '>=22' },
      platforms: ['linux/amd64', 'linux/arm64'],
    }),
    { ...manifest, requires, engines: { node: '>=22', python: undefined }, platforms },
  )
})

test('a manifest that says something else is refused, with every difference', () => {
  const cases: readonly [object, RegExp][] = [
    [{ name: 'acme/other' }, /name: listed acme\/hello, signed acme\/other/],
    [{ version: '1.0.1' }, /version: listed 1\.0\.0, signed 1\.0\.1/],
    [{ requires: { 'acme/a': '*' } }, /requires: listed \{\}, signed \{"acme\/a":"\*"\}/],
    [{ engines: { node: '>=24' } }, /engines/],
    [{ platforms: ['linux/amd64'] }, /platforms: listed every platform, signed linux\/amd64/],
    [{ version: '2.0.0', engines: { node: '1' } }, /version.*; engines/],
  ]
  for (const [change, message] of cases)
    assert.throws(() => assertAsListed(listed(), { ...manifest, ...change }), {
      code: 'REGISTRY_MISMATCH',
      message,
      exitCode: 3,
    })
  assert.throws(() => assertAsListed(listed({ requires: { 'acme/a': '^1' } }), manifest), { code: 'REGISTRY_MISMATCH' })
})
