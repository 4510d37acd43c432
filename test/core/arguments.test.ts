import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Argument, argumentTexts } from '../../src/core/arguments.ts'
import { instanceNameOf } from '../../src/core/instance-name.ts'

test('a text is passed as it is, and any other value as its JSON', () => {
  const args: Argument[] = ['--city', '7', '', 7, true, null, { city: 'Oslo', days: [1, 2] }, ['a']]
  assert.deepEqual(argumentTexts('acme/hello', args), [
    ...['--city', '7', '', '7', 'true', 'null', '{"city":"Oslo","days":[1,2]}', '["a"]'],
  ])
})

const circle: { self?: unknown } = {}
circle.self = circle

const NO_JSON: readonly (readonly [value: unknown, says: RegExp])[] = [
  [undefined, /args\[1\] is undefined$/],
  [() => 1, /args\[1\] is a function$/],
  [Symbol('x'), /args\[1\] is a symbol$/],
  [Number.NaN, /args\[1\] is NaN$/],
  [1n, /args\[1\] has no JSON/],
  [circle, /args\[1\] has no JSON: Converting circular structure to JSON$/],
]

test('what has no JSON is refused by its place', () => {
  for (const [value, message] of NO_JSON)
    assert.throws(() => argumentTexts('acme/hello', ['a', value as Argument]), { code: 'USAGE', message })
  assert.throws(() => argumentTexts('acme/hello', 'one two' as never), { code: 'USAGE', message: /must be an array$/ })
})

test('an instance is called by 1 to 32 of a-z, 0-9 and hyphens, or by nothing', () => {
  for (const name of ['a', 'oslo-1', 'x'.repeat(32)]) assert.equal(instanceNameOf('acme/hello', name), name)
  assert.equal(instanceNameOf('acme/hello', undefined), null)
  for (const name of ['', 'Oslo', 'a b', 'a/b', 'x'.repeat(33), 'a\n', 'ø', 7, {}])
    assert.throws(() => instanceNameOf('acme/hello', name), {
      code: 'USAGE',
      message: /^cannot call an instance of acme/,
    })
})
