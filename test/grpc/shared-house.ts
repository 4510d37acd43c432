import { after, type TestContext } from 'node:test'

const undo: (() => unknown)[] = []
const context = { after: (step: () => unknown) => undo.unshift(step) } as unknown as TestContext
after(async () => {
  for (const step of undo) await step()
})

/** One home for all tests of a file: to pack, sign and install costs more than most of them do. */
export function shared<T>(make: (t: TestContext) => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make(context)
    return made
  }
}
