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

test('lists that lead from one to the next are read until they are too much to hold, and not by the thousand', async () => {
  const dummies = Object.fromEntries(Array.from({ length: 63 }, (_, at) => [`evil/q${at}`, '*']))
  let read = 0
  const candidates = async (name: PluginName) => {
    const at = /^evil\/p(\d+)$/.exec(name)?.[1]
    if (at === undefined) return versions(name, 1, {})
    read++
    return versions(name, 100, { ...dummies, [`evil/p${Number(at) + 1}`]: '*' })
  }
  const wanted = [{ name: 'evil/p0' as PluginName, range: null }]
  const request = { wanted, installed: [], locked: new Map(), candidates, unusable: () => null }
  await assert.rejects(resolve(request), { code: 'DEPENDENCY_UNDECIDED' })
  assert.ok(read < 100, `${read} lists of 100 versions that need 64 plugins each`)
})
