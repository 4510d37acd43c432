import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import { parsePolicy } from '../../src/verify/policy.ts'

test('the example of a trust file is a good one, and says what its page says', () => {
  const policy = parsePolicy(
    readFileSync(join(import.meta.dirname, '../../keys/trust.example.json')),
    'trust.example.json',
  )
  assert.equal(policy.ruleFor('zeta/payments' as PluginName)?.threshold, 2)
  assert.equal(policy.ruleFor('zeta/other' as PluginName)?.threshold, 1)
  assert.equal(policy.ruleFor('nobody/knows' as PluginName), null)
})
