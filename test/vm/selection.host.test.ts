import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

interface Selection {
  ON_REQUEST: ReadonlySet<string>
  onThisKernel(root: string): string[]
  inSystemd(root: string): string[]
  testFiles(root: string, patterns: readonly string[]): string[]
}

const ROOT = join(import.meta.dirname, '..', '..')
const selection: Selection = await import(new URL('../../scripts/vm/selection.mjs', import.meta.url).href)

test('what runs on request alone is there, is not in a run of everything, and comes when it is named', () => {
  const usual = new Set(selection.onThisKernel(ROOT))
  assert.ok(usual.has('test/runtime/run.test.ts') && usual.has('test/vm/machine.test.ts'))
  for (const file of selection.ON_REQUEST) {
    assert.ok(existsSync(join(ROOT, file)), `${file} is not there`)
    assert.ok(!usual.has(file), file)
    assert.deepEqual(selection.testFiles(ROOT, [file]), [file])
  }
})

test('the machine of systemd has its own tests, and nothing that stays outside is in either', () => {
  const own = selection.inSystemd(ROOT)
  assert.deepEqual(own, ['test/vm/systemd/rootless.test.ts'])
  for (const file of [...own, ...selection.onThisKernel(ROOT)]) assert.doesNotMatch(file, /\.host\.test\.ts$/)
  assert.ok(!selection.onThisKernel(ROOT).some((file) => own.includes(file)))
})

test('a pattern that means no test is refused', () => {
  assert.throws(() => selection.testFiles(ROOT, ['test/runtime/no-such.test.ts']), /cannot find a test for/)
})
