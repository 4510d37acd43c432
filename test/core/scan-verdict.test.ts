import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FINDING_CHARACTERS, FINDINGS_KEPT, judgeScan, type ScanVerdict } from '../../src/core/scan-verdict.ts'

const exited = (code: number, stdout: string | Buffer = ''): ScanVerdict =>
  judgeScan({ kind: 'exited', code, stdout: Buffer.from(stdout) }, 60_000)

test('exit 0 without a word, or with "pass", accepts', () => {
  for (const said of ['', '\n', ' \t\r\n', '{"verdict":"pass"}\n', '{"verdict":"pass","reason":"fine","findings":[]}'])
    assert.equal(exited(0, said).verdict, 'pass', said)
})

test('exit 1, or exit 0 with "refuse", refuses and says why', () => {
  for (const [code, said] of [
    [1, ''],
    [1, '{"verdict":"refuse"}'],
    [0, '{"verdict":"refuse"}'],
  ] as const)
    assert.deepEqual([exited(code, said).verdict, exited(code, said).reason], ['refuse', null])
  assert.equal(exited(0, '{"verdict":"refuse","reason":"Eicar-Test"}').reason, 'Eicar-Test')
})

test('whatever is not understood whole is no verdict', () => {
  const cases: readonly [number, string | Buffer][] = [
    [2, ''],
    [255, '{"verdict":"pass"}'],
    [1, '{"verdict":"pass"}'],
    [0, 'OK'],
    [0, '{"verdict":"pass"} {"verdict":"refuse"}'],
    [0, '{"verdict":"pass","verdict":"refuse"}'],
    [0, '{"verdict":"Pass"}'],
    [0, '{"verdict":true}'],
    [0, '{}'],
    [0, '[]'],
    [0, 'null'],
    [0, '"pass"'],
    [0, '{"verdcit":"refuse","verdict":"pass"}'],
    [0, '{"verdict":"pass","__proto__":{"verdict":"refuse"}}'],
    [0, '{"verdict":"pass","reason":1}'],
    [0, '{"verdict":"pass","findings":{}}'],
    [0, '{"verdict":"pass","findings":["text"]}'],
    [0, Buffer.from([0x7b, 0xff, 0x7d])],
    [0, `${'['.repeat(100)}${']'.repeat(100)}`],
  ]
  for (const [code, said] of cases) assert.equal(exited(code, said).verdict, 'failed', `${code} ${said}`)
  for (const kind of ['overran', 'flooded', 'survived'] as const)
    assert.equal(judgeScan({ kind }, 60_000).verdict, 'failed')
  assert.equal(judgeScan({ kind: 'signalled', signal: 'SIGKILL' }, 1).verdict, 'failed')
  assert.equal(judgeScan({ kind: 'not-started', reason: 'ENOENT' }, 1).verdict, 'failed')
})

test('what a scanner says is made printable and bounded', () => {
  const findings = Array.from({ length: 100 }, () => ({ file: `\u001b[2J${'x'.repeat(5_000)}` }))
  const found = exited(
    0,
    JSON.stringify({ verdict: 'refuse', reason: `\u001b]0;pwned\u0007${'y'.repeat(5_000)}`, findings }),
  )
  assert.equal(found.verdict, 'refuse')
  assert.ok((found.reason ?? '').length < 500)
  assert.equal(found.findingsCount, 100)
  assert.equal(found.findings.length, FINDINGS_KEPT)
  for (const text of [found.reason ?? '', ...found.findings]) {
    assert.doesNotMatch(text, /[\u0000-\u001f\u007f]/)
    assert.ok(text.length <= FINDING_CHARACTERS + 1)
  }
})

test('no output makes a pass of an exit code that is none, and none throws', () => {
  const output = fc.oneof(fc.string(), fc.json(), fc.constantFrom('{"verdict":"pass"}', '{"verdict":"refuse"}', ''))
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), output, (code, text) => {
      const { verdict } = exited(code, text)
      if (verdict === 'pass') assert.equal(code, 0)
      if (code > 1) assert.equal(verdict, 'failed')
    }),
  )
})
