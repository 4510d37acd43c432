import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EngineNeeds, engineFaults } from '../../src/core/engine-check.ts'
import { versionRules } from '../../src/core/version-range.ts'

const rules = await versionRules()
const HERE = { platform: 'linux/amd64', bulkhead: '1.0.0', node: '24.21.0', python: null }
const sentences = (needs: EngineNeeds) => engineFaults(needs, HERE, rules).map(({ sentence }) => sentence)

test('a host that has what is needed has no fault', () => {
  assert.deepEqual(sentences({ engines: {} }), [])
  assert.deepEqual(sentences({ engines: {}, platforms: null }), [])
  const engines = { bulkhead: '>=1', node: '^24.21', python: undefined }
  assert.deepEqual(sentences({ engines, platforms: ['linux/arm64', 'linux/amd64'] }), [])
})

test('everything that is not as needed is told at once, with what this host has', () => {
  const needs = { engines: { bulkhead: '>=2', node: '>=26' }, platforms: ['linux/arm64'] }
  assert.deepEqual(sentences(needs), [
    'it is made for linux/arm64, this host is linux/amd64',
    'it needs bulkhead >=2, this host has 1.0.0',
    'it needs node >=26, this host has 24.21.0',
  ])
})

test('what is not known is not fulfilled: no interpreter, another engine, no range', () => {
  assert.deepEqual(sentences({ engines: { python: '*' } }), ['it needs python *, this host has none that can be used'])
  assert.deepEqual(sentences({ engines: { deno: '>=1' } }), ['it needs deno >=1, this host has none'])
  assert.deepEqual(sentences({ engines: { node: '' } }), ['it needs node , this host has 24.21.0'])
})

test('a listing is no way to a terminal', () => {
  const needs = { engines: { '\u001b[31m': '\u001b[2J' }, platforms: ['\u001b]0;x\u0007'] }
  assert.doesNotMatch(sentences(needs).join('\n'), /\u001b|\u0007/)
})

test('an interpreter that no manifest names is not looked for', () => {
  const here = {
    ...HERE,
    get python(): string {
      throw new Error('looked up')
    },
  }
  assert.deepEqual(engineFaults({ engines: { node: '>=24' } }, here, rules), [])
})
