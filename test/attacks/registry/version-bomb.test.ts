// An index is nobody's signed word. Whoever writes one lists thousands of versions of which none goes with any other; choosing
// among them blocks the process, and not even Ctrl-C would end it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginName } from '../../../src/core/name.ts'
import { resolve } from '../../../src/core/resolution.ts'

const versions = (name: string, count: number, requires: Readonly<Record<string, string>>) =>
  Array.from({ length: count }, (_, at) => ({
    name: name as PluginName,
    version: `1.${at}.0`,
    requires,
    engines: {},
    platforms: null,
    yanked: null,
  }))

const choose = (count: number) => {
  const lists = new Map([
    ['acme/app', versions('acme/app', count, { 'acme/lib': '>=9' })],
    ['acme/lib', versions('acme/lib', count, {})],
  ])
  return resolve({
    wanted: [{ name: 'acme/app' as PluginName, range: null }],
    installed: [],
    locked: new Map(),
    candidates: async (name) => lists.get(name) ?? [],
    unusable: () => null,
  })
}

test('thousands of versions that cannot go together are given up after some work, a hundred are all looked at', async () => {
  await assert.rejects(choose(1500), { code: 'DEPENDENCY_UNDECIDED' })
  await assert.rejects(choose(100), { code: 'DEPENDENCY_MISSING' })
})
