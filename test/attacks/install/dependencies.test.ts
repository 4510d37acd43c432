// A manifest, or a listing of one, moves other plugins: what it must not be able to do with them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginError } from '../../../src/core/errors.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { resolve } from '../../../src/core/resolution.ts'
import { requestOf, resolved } from '../../core/universe.ts'

test('a plugin cannot bring back an old version of another one, with its holes', async () => {
  const catalog = {
    'acme/lib': { '1.0.0': {}, '2.0.0': {} },
    'evil/app': { '1.0.0': { 'acme/lib': '<2' } },
  }
  await assert.rejects(resolved({ catalog, wanted: ['evil/app'], installed: ['acme/lib@2.0.0'] }), {
    code: 'DEPENDENCY_CONFLICT',
    message: /evil\/app 1\.0\.0 needs acme\/lib <2, and 2\.0\.0 is installed, which no other plugin makes older/,
  })
})

test('a plugin cannot have a yanked version taken by naming exactly that one', async () => {
  const catalog = { 'acme/lib': { '1.0.0': {} }, 'evil/app': { '1.0.0': { 'acme/lib': '1.0.0' } } }
  await assert.rejects(resolved({ catalog, wanted: ['evil/app'], yanked: ['acme/lib@1.0.0'] }), {
    code: 'DEPENDENCY_MISSING',
    message: /it was yanked/,
  })
})

test('a plugin cannot move what is held', async () => {
  const catalog = { 'acme/lib': { '1.0.0': {}, '2.0.0': {} }, 'evil/app': { '1.0.0': { 'acme/lib': '^2' } } }
  const situation = { catalog, wanted: ['evil/app'], installed: ['acme/lib@1.0.0'], held: ['acme/lib'] }
  await assert.rejects(resolved(situation), { code: 'DEPENDENCY_CONFLICT', hint: 'plugins unhold acme/lib' })
})

test('a registry of thousands of plugins that need each other holds nobody up for long', async () => {
  const catalog: Record<string, Record<string, Record<string, string>>> = {}
  for (let at = 0; at < 3_000; at++) catalog[`evil/p${at}`] = { '1.0.0': { [`evil/p${at + 1}`]: '*' } }
  await assert.rejects(resolved({ catalog, wanted: ['evil/p0'] }), { code: 'DEPENDENCY_UNDECIDED' })
})

test('no text of a listing reaches a terminal as it is', async () => {
  const listings = [
    { requires: { 'acme/b': '\u001b[2J' } },
    { requires: { '\u001b[2J': '*' } },
    { version: '1.0.0\u001b[2J' },
    { yanked: '\u001b]0;x\u0007' },
  ]
  for (const listing of listings) {
    const request = requestOf({ catalog: {}, wanted: ['acme/a'] })
    const asked = resolve({ ...request, candidates: async () => [{ ...CANDIDATE, ...listing }] })
    await assert.rejects(asked, ({ code, message }: PluginError) => {
      assert.equal(code, 'DEPENDENCY_MISSING')
      assert.doesNotMatch(message, /\p{Cc}/u)
      return true
    })
  }
})

const CANDIDATE = {
  name: 'acme/a' as PluginName,
  version: '1.0.0',
  requires: {},
  engines: {},
  platforms: null,
  yanked: null,
}
