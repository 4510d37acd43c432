// Whatever lies in the place of a file of a release: it is found out in finite time and memory, and for that plugin alone.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, renameSync, rmSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Layout } from '../../../src/core/layout.ts'
import type { PluginName } from '../../../src/core/name.ts'
import { AttackedHome } from '../../helpers/attacked-home.ts'

const BIN = join(import.meta.dirname, '../../../src/cli/bin.cjs')
const PLACES = ['.', 'bundle.sigstore.jsonl', 'root', 'root/etc/passwd', 'root/plugin', 'root/plugin/plugin.json']

const FORMS: Readonly<Record<string, (path: string) => void>> = {
  'is gone': () => {},
  'is a FIFO': (path) => execFileSync('mkfifo', [path]),
  'is a link to a device without an end': (path) => symlinkSync('/dev/zero', path),
  'is a link to itself': (path) => symlinkSync(path, path),
  'is a folder': (path) => mkdirSync(path),
  'is a file without an end': (path) => {
    closeSync(openSync(path, 'w'))
    truncateSync(path, 2 ** 40)
  },
}

/** In a process of its own, which may hang, or take what memory there is. */
function verifyAll(home: string, more: readonly string[] = []) {
  const args = [BIN, '--home', home, '--json', 'verify', '--all', ...more]
  const { stdout, status, signal } = spawnSync(process.execPath, args, { timeout: 30_000, killSignal: 'SIGKILL' })
  assert.equal(signal, null, 'it ends by itself')
  const results = JSON.parse(stdout.toString()) as { ok: boolean; error: { code: string } | null }[]
  return { status, codes: results.map(({ error }) => error?.code ?? 'OK') }
}

for (const [form, make] of Object.entries(FORMS)) {
  test(`what ${form} in the place of a part of a release is a change of that plugin, and the others are verified`, async (t) => {
    for (const place of PLACES) {
      const attacked = await AttackedHome.make(t)
      await attacked.install()
      await attacked.install({ name: 'acme/other' })
      const { home } = attacked
      const [hello] = await attacked.with((manager) => manager.list())
      const release = new Layout(home).release('acme/hello' as PluginName, '1.0.0', hello?.sha256 as never)
      rmSync(join(release, place), { recursive: true })
      make(join(release, place))
      const found = verifyAll(home, ['--quarantine'])
      assert.deepEqual([place, found.status, ...found.codes], [place, 3, 'MODIFIED', 'OK'])
      const states = await attacked.with((manager) => manager.list().map(({ state }) => state))
      // Where nothing of it is left, nothing can be run, and a disk that is not mounted looks the same.
      const isAllGone = place === '.' && form === 'is gone'
      assert.deepEqual(states, [isAllGone ? 'installed' : 'quarantined', 'installed'])
    }
  })
}

test('a manifest that is a FIFO does not keep whoever asks for it waiting', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  const [hello] = await attacked.with((manager) => manager.list())
  const release = new Layout(attacked.home).release('acme/hello' as PluginName, '1.0.0', hello?.sha256 as never)
  const manifest = join(release, 'root/plugin/plugin.json')
  rmSync(manifest)
  execFileSync('mkfifo', [manifest])
  const args = [BIN, '--home', attacked.home, 'info', 'acme/hello']
  const { status, signal } = spawnSync(process.execPath, args, { timeout: 30_000, killSignal: 'SIGKILL' })
  assert.deepEqual([status, signal], [3, null])
})

test('a disk of releases that is not mounted puts away nothing', async (t) => {
  const attacked = await AttackedHome.make(t)
  await attacked.install()
  await attacked.install({ name: 'acme/other' })
  const plugins = join(attacked.home, 'plugins')
  renameSync(plugins, `${plugins}.away`)
  mkdirSync(plugins, { mode: 0o755 })
  assert.deepEqual(verifyAll(attacked.home, ['--quarantine']), { status: 3, codes: ['MODIFIED', 'MODIFIED'] })
  rmSync(plugins, { recursive: true })
  renameSync(`${plugins}.away`, plugins)
  assert.deepEqual(verifyAll(attacked.home, ['--quarantine']), { status: 0, codes: ['OK', 'OK'] })
  const states = await attacked.with((manager) => manager.list().map(({ state }) => state))
  assert.deepEqual(states, ['installed', 'installed'])
})
