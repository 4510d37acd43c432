// What comes before a host serves: an author makes a key, packs and signs; an operator trusts that key and installs. On the
// command line it is `plugins keygen`, `pack`, `sign`, `trust add` and `install`; this is the same by the library.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openManager, openMarketplace } from '@bulkhead/plugins'

const PLUGINS = ['weather', 'trouble']
const NODE_KIT = fileURLToPath(import.meta.resolve('@bulkhead/plugins/plugin'))
const PYTHON_KIT = fileURLToPath(new URL('../python/bulkhead_plugin.py', import.meta.resolve('@bulkhead/plugins')))

/**
 * Installs what is missing in a home. What is there stays as it is, so a second start has nothing to do.
 * `author`: an empty folder for the key and the packages.
 *
 * @param {string} home @param {string} author @param {(text: string) => void} say
 */
export async function setUp(home, author, say) {
  await using manager = await openManager({ home })
  const missing = PLUGINS.filter((name) => !manager.isInstalled(`acme/${name}`))
  if (missing.length === 0) return
  const marketplace = await openMarketplace()
  const key = await marketplace.generateKey(join(author, 'acme'), null)
  await manager.trust.add(key.publicFile, { pattern: 'acme/*' })
  say(`trusts ${key.id.slice(0, 20)}… for acme/*`)
  for (const name of missing) {
    const { path } = await marketplace.pack(build(name, join(author, name)), author)
    await marketplace.sign(path, { key: key.secretFile })
    const installed = await manager.install(path, { consent: () => true })
    say(`installed ${installed.name} ${installed.version}`)
  }
}

/** A copy of the source with the author's kit in it. @param {string} name @param {string} to */
function build(name, to) {
  cpSync(join(import.meta.dirname, 'plugins', name), to, { recursive: true })
  if (name === 'trouble') {
    cpSync(PYTHON_KIT, join(to, 'bulkhead_plugin.py'))
    return to
  }
  // As npm would install it. An author bundles instead, and has one file.
  const kit = join(to, 'node_modules', '@bulkhead', 'plugins')
  mkdirSync(kit, { recursive: true })
  cpSync(NODE_KIT, join(kit, 'plugin.js'))
  const manifest = { name: '@bulkhead/plugins', type: 'module', exports: { './plugin': './plugin.js' } }
  writeFileSync(join(kit, 'package.json'), JSON.stringify(manifest))
  return to
}
