// A host application of an ordinary user: loads the Go plugin, calls it, lets both sides serve, and says how far it came.
// Arguments: layers to go without.

import type { TestContext } from 'node:test'
import { call, exchange, goHouse, ping } from './house.ts'

const undo: (() => unknown)[] = []
const context = { after: (step: () => unknown) => undo.unshift(step) } as unknown as TestContext
const say = (word: string) => process.stdout.write(`${word}\n`)
try {
  const house = await goHouse(context)
  await using kv = await house.load({ weaker: process.argv.slice(2), autoMtls: false })
  say(`called ${await call(kv, 'Double', 7)}`)
  say(await ping(kv, await exchange(kv, 'a user')))
} catch (error) {
  say(`${(error as { code: string }).code} ${(error as Error).message}`)
} finally {
  for (const step of undo) await step()
}
