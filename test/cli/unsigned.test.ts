import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { shell } from './cli.ts'

test('an unsigned plugin on the command line: by name, with an end, with --yes, and said by every command', async (t) => {
  const own = await shell(t)
  const path = own.publish()
  rmSync(`${path}.sigstore.json`)
  rmSync(own.layout.trustFile)
  const flags = ['--allow-unsigned', 'acme/hello', '--until', '2d']

  for (const half of [
    ['--allow-unsigned', 'acme/hello'],
    ['--until', '2d'],
  ]) {
    const { code, stderr } = own.plugins(['install', path, '--yes', ...half])
    assert.equal(code, 2)
    assert.match(stderr, /is missing/)
  }
  assert.equal(own.plugins(['install', path, '--yes']).code, 3)
  // The flag is no answer to the question, with --json neither.
  for (const more of [[], ['--json']]) {
    const { code, stderr, stdout } = own.plugins([...more, 'install', path, ...flags])
    assert.equal(code, 2)
    assert.match(stderr + stdout, /there is no terminal/)
  }

  const installed = own.plugins(['install', path, '--yes', ...flags])
  assert.equal(installed.code, 0, installed.stderr)
  assert.match(installed.stderr, /signed by +NOBODY: UNSIGNED/)
  assert.match(installed.stdout, /^installed acme\/hello 1\.0\.0, UNSIGNED until \d{4}-.*Z$/m)
  assert.match(own.plugins(['list']).stdout, /unsigned until \d{4}-.*Z/)
  assert.match(own.plugins(['info', 'acme/hello']).stdout, /signed by +unsigned until \d{4}-.*Z/)
  const verified = own.plugins(['verify', 'acme/hello', '--explain'])
  assert.equal(verified.code, 0)
  assert.match(verified.stdout, /^acme\/hello 1\.0\.0: unsigned until .*Z, unchanged since it was installed$/m)
  assert.doesNotMatch(verified.stdout, /: verified/)
  const { value } = own.json(['list']) as { value: readonly { unsignedUntil: string }[] }
  assert.match(value[0]?.unsignedUntil ?? '', /Z$/)
  assert.match(own.plugins(['audit']).stdout, /unsigned-allowed/)
})
