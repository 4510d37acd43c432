// An operator who writes 0.0.0.0 means "every address" or nothing; who dials it arrives at the host's loopback.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../../../src/core/config-parser.ts'

const UNSPECIFIED = ['0.0.0.0:80', '0.1.2.3:80', '[::]:80', '[0:0:0:0:0:0:0:0]:80', '[::ffff:0.0.0.0]:80']

for (const entry of UNSPECIFIED)
  test(`the configuration excuses no ${entry}`, () => {
    const bytes = Buffer.from(JSON.stringify({ privateAddresses: [entry] }))
    assert.throws(() => parseConfig(bytes, 'config.json'), { code: 'CONFIG_INVALID' })
  })
