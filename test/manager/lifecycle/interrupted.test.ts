import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { agree, household, manifestOf } from '../household.ts'

const files = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`f${at}`, `${at}\n`]))

test('an install that is interrupted while its files are unpacked leaves none of them in staging', async (t) => {
  const house = await household(t)
  const path = house.publish({
    files: { ...files, 'bin/x': '#!/bin/sh\n', 'plugin.json': manifestOf() },
    executable: ['bin/x'],
  })
  const interrupt = new AbortController()
  const seen: string[] = []
  const installing = house.manager.install(path, {
    consent: agree,
    signal: interrupt.signal,
    onProgress: (progress) => {
      seen.push(progress.kind)
      if (progress.kind === 'files') interrupt.abort()
    },
  })
  await assert.rejects(installing, { code: 'INTERRUPTED' })
  assert.ok(seen.includes('files'))
  assert.deepEqual(readdirSync(house.layout.staging), [])
  assert.deepEqual(house.manager.list(), [])
})
