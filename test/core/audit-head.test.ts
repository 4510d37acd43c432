import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAuditHead, parseAuditHead } from '../../src/core/audit-head.ts'

const HASH = 'a'.repeat(64)

test('a head is read as it is printed', () => {
  for (const count of [0, 1, 999_999_999_999_999]) {
    assert.deepEqual(parseAuditHead(formatAuditHead({ count, head: HASH })), { count, head: HASH })
  }
})

test('whatever is no head is a mistake of whoever typed it', () => {
  const wrong = [
    '',
    HASH,
    `:${HASH}`,
    `01:${HASH}`,
    `-1:${HASH}`,
    `1:${HASH.slice(1)}`,
    `1:${HASH}0`,
    `1:${HASH.toUpperCase()}`,
    `1e3:${HASH}`,
    `1:${HASH}\n`,
    `1000000000000000:${HASH}`,
  ]
  for (const text of wrong) assert.throws(() => parseAuditHead(text), { code: 'USAGE', message: /^cannot use/ }, text)
})
