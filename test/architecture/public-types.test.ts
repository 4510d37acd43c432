import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportsOf, mentionedBy } from './public-types.ts'

const ENTRIES = ['index.d.ts', 'mcp.d.ts', 'grpc.d.ts', 'kit/plugin.d.ts']

test('every type that a public signature mentions can be named by whoever uses it', () => {
  const exported = exportsOf(ENTRIES)
  assert.ok(exported.size > 150)
  const missing = new Map<string, string>()
  for (const public_ of exported.values())
    for (const { file, name } of mentionedBy(public_)) {
      const key = `${file} ${name}`
      if (!exported.has(key)) missing.set(key, `${name} (${file}), by ${public_.name}`)
    }
  assert.deepEqual([...missing.values()], [])
})

test('the walk over public signatures sees what they mention, and not what a host never writes', () => {
  const names = (file: string, name: string) => mentionedBy({ file, name }).map((named) => named.name)
  assert.ok(names('runtime/plan.d.ts', 'RunPlan').includes('Ids'), 'of another file')
  assert.ok(names('core/who.d.ts', 'Who').includes('User'), 'of the same file')
  assert.deepEqual(
    names('manager/loaded/loaded-plugin.d.ts', 'LoadedPlugin').filter((name) => name === 'Instances'),
    [],
    'its constructor is of `load` alone',
  )
})
