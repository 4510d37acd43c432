import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isRequest, parseRequest } from '../../src/core/request.ts'

test('a plugin is asked for by its name, with a range of versions or without', async () => {
  assert.deepEqual(await parseRequest('acme/hello'), { name: 'acme/hello', range: null })
  for (const range of ['1.2.3', '^1', '>=1.2 <2', '1.x', '*', '1.0.0-beta.1', '~1.2 || ^3'])
    assert.deepEqual(await parseRequest(`acme/hello@${range}`), { name: 'acme/hello', range }, range)
})

test('what is no request says what one looks like', async () => {
  for (const text of ['', 'acme', 'acme/', 'Acme/hello', 'a/b/c', './acme/hello', 'acme/hello.tgz', '@1'])
    await assert.rejects(parseRequest(text), { code: 'USAGE', message: /expected NAMESPACE\/NAME/ }, text)
  for (const range of ['', ' ', 'latest', '1.2.3.4', 'v', '>', '^1;rm', '1\n', '1'.repeat(300), '\u001b[2J'])
    await assert.rejects(parseRequest(`acme/hello@${range}`), { code: 'USAGE', message: /no range of versions/ }, range)
  await assert.rejects(parseRequest('acme/hello@\u001b[2J'), ({ message }: Error) => !message.includes('\u001b'))
})

test('a request and the path of a tarball are told apart by their looks', () => {
  for (const text of ['acme/hello', 'acme/hello@^1', 'acme/hello@']) assert.ok(isRequest(text), text)
  for (const text of ['dist/acme-hello-1.0.0.tgz', './acme/hello', '/acme/hello', 'hello', 'a/b/c@1'])
    assert.ok(!isRequest(text), text)
})
