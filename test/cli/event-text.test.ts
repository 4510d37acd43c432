import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventText } from '../../src/cli/event-text.ts'

const network = (details: object) => eventText({ kind: 'network', details: { run: 'r-1', ...details } })
const decided = { verdict: 'denied', name: 'a.example', port: 443, address: null, reason: null, count: 1 }

test('a decision about the network is a sentence', () => {
  assert.equal(
    network({ ...decided, verdict: 'allowed', address: '192.0.2.1' }),
    'allowed a.example:443 at 192.0.2.1 (run r-1)',
  )
  assert.equal(network({ ...decided, port: 0, reason: 'no', count: 3 }), 'denied a.example: no, 3 times (run r-1)')
  const v6 = { ...decided, name: 'fd00::1', address: 'fd00::1' }
  assert.equal(network(v6), 'denied [fd00::1]:443 (run r-1)')
})

test('what there is no sentence for is shown in its parts', () => {
  assert.equal(network({ others: 12 }), 'run=r-1 others=12')
  assert.equal(
    eventText({ kind: 'installed', details: { version: '1.0.0', signers: ['k'] } }),
    'version=1.0.0 signers=["k"]',
  )
})
