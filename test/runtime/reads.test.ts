import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { surveyReads } from '../../src/runtime/reads.ts'

/** Below /var, because permissions.read shows nothing of /tmp: the plugin has its own. */
function folder(t: TestContext): string {
  const made = mkdtempSync('/var/tmp/bulkhead-reads-')
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}
const secrets = { home: '/var/lib/bulkhead', trustFile: '/etc/bulkhead/trust.json' }
const survey = (path: string) => surveyReads('acme/x', [path], secrets)
const refused = { code: 'READ_REFUSED', message: /^cannot show \// }

test('a folder of regular files is shown, not executable', (t) => {
  const path = folder(t)
  mkdirSync(join(path, 'deep'))
  writeFileSync(join(path, 'deep', 'a.txt'), 'a')
  symlinkSync('a.txt', join(path, 'deep', 'link'))
  assert.deepEqual(survey(path), [{ outside: path, inside: path, executable: false }])
})

test('what is not there is refused', () => {
  assert.throws(() => survey('/usr/share/not-there-at-all'), { ...refused, message: /is not there/ })
})

test('a link, or a path through one, is refused', (t) => {
  const path = folder(t)
  mkdirSync(join(path, 'real'))
  symlinkSync('real', join(path, 'link'))
  assert.throws(() => survey(join(path, 'link')), { ...refused, message: /a link leads from it to/ })
})

test('a tree with a FIFO in it is refused', (t) => {
  const path = folder(t)
  mkdirSync(join(path, 'deep'))
  execFileSync('mkfifo', [join(path, 'deep', 'fifo')])
  assert.throws(() => survey(path), { ...refused, message: /deep\/fifo is a socket, FIFO or device/ })
})

test('a tree with a socket in it is refused', async (t) => {
  const path = folder(t)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(path, 'socket'), resolve))
  t.after(() => server.close())
  assert.throws(() => survey(path), refused)
})

test('the home of Bulkhead and a trust file are shown to nobody, neither from above nor from below', () => {
  for (const path of ['/var/lib/bulkhead', '/var/lib', '/var/lib/bulkhead/plugins', '/etc/bulkhead', '/etc']) {
    assert.throws(() => survey(path), { ...refused, message: /Bulkhead keeps its own files there/ }, path)
  }
})

test('only the ordinary top folders can be shown', () => {
  for (const path of ['/tmp/x', '/plugin', '/data/x', '/proc/1', '/root/.ssh', '/boot']) {
    assert.throws(() => survey(path), { ...refused, message: /does not lie below/ }, path)
  }
})
