import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { withTopLevelKey } from '../../src/core/json-splice.ts'

test('one key gets another value, and every other character stays', () => {
  const text = '{ "a" : [1, {"k": "}"}] ,\n\t"k":"old\\"",  "b": 1e2 }\n'
  assert.equal(withTopLevelKey(text, 'k', '[]'), '{ "a" : [1, {"k": "}"}] ,\n\t"k":[],  "b": 1e2 }\n')
  assert.equal(withTopLevelKey(text, 'k', null), '{ "a" : [1, {"k": "}"}] ,\n\t"b": 1e2 }\n')
  assert.equal(withTopLevelKey(text, 'b', null), '{ "a" : [1, {"k": "}"}] ,\n\t"k":"old\\"" }\n')
  assert.equal(withTopLevelKey(text, 'none', null), text)
})

test('a key that was not there comes last', () => {
  assert.equal(withTopLevelKey('{}\n', 'k', '1'), '{\n  "k": 1\n}\n')
  assert.equal(withTopLevelKey('{\n  "a": 1\n}\n', 'k', '1'), '{\n  "a": 1,\n  "k": 1\n}\n')
  assert.equal(withTopLevelKey('{"k":1}', 'k', null), '{}')
})

test('whatever the document, only that key changes', () => {
  const space = fc.constantFrom('', ' ', '\n', '\t', '  ')
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 5 }),
      fc.array(space, { minLength: 30, maxLength: 30 }),
      fc.option(fc.jsonValue({ maxDepth: 2 })),
      fc.integer({ min: 0, max: 5 }),
      (object, blanks, value, which) => {
        const entries = Object.entries(object).filter(([key]) => key !== '__proto__')
        const key = entries[which]?.[0] ?? 'absent'
        let at = 0
        const blank = () => blanks[at++ % blanks.length]
        const body = entries.map(
          ([k, v]) => `${blank()}${JSON.stringify(k)}${blank()}:${blank()}${JSON.stringify(v)}${blank()}`,
        )
        const text = `{${body.join(',')}${entries.length === 0 ? blank() : ''}}`
        const changed = withTopLevelKey(text, key, value === null ? null : JSON.stringify(value))
        const expected = new Map(entries)
        if (value === null) expected.delete(key)
        else expected.set(key, value)
        assert.equal(JSON.stringify(JSON.parse(changed)), JSON.stringify(Object.fromEntries(expected)))
      },
    ),
    { numRuns: 2000 },
  )
})
