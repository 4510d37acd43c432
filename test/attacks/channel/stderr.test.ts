import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HELLO, household } from '../../manager/household.ts'
import { hostile } from '../../manager/loading/speakers.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const FLOODS = {
  'in large pieces': 'while True: os.write(2, b"x" * 65536)',
  'byte by byte': 'while True: os.write(2, b"x")',
}

for (const [how, body] of Object.entries(FLOODS)) {
  test(`a plugin that writes to stderr ${how} and without end leaves its host the processor`, { skip }, async (t) => {
    const house = await household(t)
    await house.install(hostile(body))
    const plugin = await house.manager.load(HELLO)
    // Ended with its household, at once.
    plugin.call('hostile').catch(() => {})
    let chunks = 0
    let bytes = 0
    plugin.on('stderr', ({ chunk }) => {
      chunks++
      bytes += chunk.length
    })
    await sleep(500)
    const [beforeChunks, beforeBytes] = [chunks, bytes]
    await sleep(1_000)
    assert.ok(bytes > beforeBytes, 'it goes on')
    assert.ok(bytes - beforeBytes < 2 ** 24, `${bytes - beforeBytes} bytes were read in a second`)
    assert.ok(chunks - beforeChunks < 6_000, `${chunks - beforeChunks} pieces were read in a second`)
  })
}
