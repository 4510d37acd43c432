import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { build, run } from './build.ts'

const main = join(build('hello'), 'main.mjs')
const hello = (args: readonly string[], input = '') => run(process.execPath, [main, ...args], input)

test('greets every argument', () => {
  const { code, stdout } = hello(['Ada', 'Grace Hopper'], 'ignored\n')

  assert.equal(code, 0)
  assert.deepEqual(stdout.split('\n').slice(0, 2), ['Hello, Ada!', 'Hello, Grace Hopper!'])
  assert.doesNotMatch(stdout, /ignored/)
})

test('greets every line of its input when there are no arguments', () => {
  assert.match(hello([], 'Ada\n\n  李 \r\nlast').stdout, /^Hello, Ada!\nHello, 李!\nHello, last!\nI am /)
})

test('greets the world when it is told about nobody', () => {
  assert.match(hello([], '').stdout, /^Hello, world!\n/)
})

test('says where it runs', () => {
  const { stdout } = hello(['Ada'])

  assert.match(stdout, /^I am a plugin outside of Bulkhead: user \d+, process \d+, in \//m)
  assert.match(stdout, /^All I see of the machine: .*\busr\b/m)
})
