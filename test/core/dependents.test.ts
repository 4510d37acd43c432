import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  assertHasWhatItNeeds,
  assertNotNeeded,
  assertStillSatisfied,
  dependentsOf,
  type Needing,
} from '../../src/core/dependents.ts'

const plugin = (name: string, requires: Readonly<Record<string, string>> = {}, version = '1.0.0'): Needing => ({
  name: name as never,
  version,
  requires,
})
const INSTALLED = [plugin('acme/lib'), plugin('acme/b', { 'acme/lib': '^1.2' }), plugin('acme/a', { 'acme/lib': '^1' })]

test('who needs a plugin is known by name, version and range', () => {
  assert.deepEqual(dependentsOf(INSTALLED, 'acme/lib'), [
    { name: 'acme/a', version: '1.0.0', range: '^1' },
    { name: 'acme/b', version: '1.0.0', range: '^1.2' },
  ])
  assert.deepEqual(dependentsOf(INSTALLED, 'acme/a'), [])
})

test('something needed is not removed, and who needs it is told', () => {
  assert.throws(() => assertNotNeeded(INSTALLED, 'acme/lib'), {
    code: 'DEPENDENCY_NEEDED',
    exitCode: 4,
    message: 'cannot remove acme/lib: acme/a 1.0.0 needs it (^1), acme/b 1.0.0 needs it (^1.2)',
    hint: 'remove what needs it first: plugins remove acme/a, plugins remove acme/b',
  })
  assertNotNeeded(INSTALLED, 'acme/a')
  assertNotNeeded([plugin('acme/lib')], 'acme/lib')
})

test('another version from a file, or an older one, must do for all that need it', async () => {
  await assertStillSatisfied(INSTALLED, 'acme/lib', '1.3.0')
  await assert.rejects(assertStillSatisfied(INSTALLED, 'acme/lib', '1.1.0'), {
    code: 'DEPENDENCY_CONFLICT',
    message: 'cannot switch acme/lib to 1.1.0: acme/b 1.0.0 needs it (^1.2)',
  })
})

test('what a release from a file needs must be there already', async () => {
  await assertHasWhatItNeeds(INSTALLED, plugin('acme/c', { 'acme/lib': '1.x' }))
  await assert.rejects(assertHasWhatItNeeds(INSTALLED, plugin('acme/c', { 'acme/lib': '^2', 'acme/d': '*' })), {
    code: 'DEPENDENCY_MISSING',
    message: 'cannot install acme/c 1.0.0: it needs acme/lib ^2 (1.0.0 is installed), acme/d * (not installed)',
    hint: "first: plugins install 'acme/lib@^2' 'acme/d@*'",
  })
})
