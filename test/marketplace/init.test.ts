import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openManager } from '../../src/index.ts'
import { shell } from '../cli/cli.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'

for (const runtime of ['node', 'python'])
  test(`a plugin as init writes it for hosts that call is called (${runtime})`, { skip: cannotLaunch }, async (t) => {
    const { folder, layout, plugins } = await shell(t)
    const at = (name: string) => join(folder, name)
    for (const args of [
      ['init', at('it'), '--name', 'mine/it', '--runtime', runtime, '--protocol', 'jsonrpc'],
      ['validate', at('it')],
      ['pack', at('it'), '--out', folder],
      ['keygen', '--out', at('mine'), '--no-passphrase'],
      ['sign', at('mine-it-1.0.0.tgz'), '--key', at('mine.key')],
      ['trust', 'add', at('mine.pub'), '--for', 'mine/*'],
      ['install', at('mine-it-1.0.0.tgz'), '--yes'],
    ]) {
      const { code, stderr } = plugins(args)
      assert.equal(code, 0, `${args[0]}: ${stderr}`)
    }
    await using manager = await openManager({ home: layout.home })
    await using it = await manager.load('mine/it')
    assert.equal(await it.call('greet', { name: 'Ada' }), 'Hello, Ada!')
    assert.equal(await it.call('greet'), 'Hello, world!')
    const counted: unknown[] = []
    for await (const item of it.stream('count', { to: 3 })) counted.push(item)
    assert.deepEqual(counted, [1, 2, 3])
  })

test('init writes no plugin for a protocol that there is no kit of', async (t) => {
  const { folder, json } = await shell(t)
  for (const more of [
    ['--runtime', 'exec', '--protocol', 'jsonrpc'],
    ['--protocol', 'mcp'],
  ]) {
    const { code, value } = json(['init', join(folder, 'it'), '--name', 'mine/it', ...more])
    assert.deepEqual([code, (value as { error: { code: string } }).error.code], [2, 'USAGE'])
  }
})
