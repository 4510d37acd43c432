import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageOf } from '../../src/core/layout.ts'
import type { PluginManager } from '../../src/index.ts'
import { NODE, PLUGINS } from './boundary.ts'
import { agreed, type Estate, HELLO, OTHER, runOnce } from './estate.ts'

/** One change of a home, as somebody would ask for it on the command line. */
export interface Operation {
  readonly name: string
  /** The home before it. */
  before(estate: Estate): Promise<string>
  argv(home: string, estate: Estate): readonly string[]
  /** Exit code where nothing is in its way; default 0. */
  readonly code?: number
  /** Its data is a file system of its own: a copy of the home has another one. */
  readonly mounts?: true
  /** It does not listen to Ctrl-C, which ends it as a kill does: what is left is for the next command. */
  readonly isDeaf?: true
  /** Of a plugin a part of it may be done: it is made of several changes, each a whole. */
  readonly inParts?: true
}

const plugins =
  (...args: readonly string[]) =>
  (home: string): readonly string[] => [NODE, PLUGINS, '--home', home, ...args]

const installed =
  (...versions: readonly string[]) =>
  async (manager: PluginManager): Promise<void> => {
    for (const [index, version] of versions.entries()) {
      if (index === 0) await manager.install(`${HELLO}@${version}`, agreed)
      else await manager.update([HELLO], { to: version, ...agreed })
      await runOnce(manager, HELLO, `of ${version}`)
    }
  }

const first = (estate: Estate) => estate.prepared('first', installed('1.0.0'))
const second = (estate: Estate) => estate.prepared('second', installed('1.0.0', '2.0.0'))

const IMAGE = {}
const TWO_KEPT = { keepVersions: 2, plugins: { [HELLO]: { weaker: ['data-quota'] } } }

export const OPERATIONS: readonly Operation[] = [
  {
    name: 'install',
    before: (estate) => estate.prepared('none', async () => {}),
    argv: plugins('install', `${HELLO}@4.0.0`, '--yes'),
  },
  {
    name: 'install, with hooks',
    before: (estate) => estate.prepared('none', async () => {}),
    argv: plugins('install', `${HELLO}@2.0.0`, '--yes'),
  },
  {
    name: 'update, with hooks and data',
    before: first,
    argv: plugins('update', HELLO, '--to', '2.0.0', '--yes'),
  },
  {
    name: 'update, its data an image',
    before: (estate) => estate.prepared('first, image', installed('1.0.0'), IMAGE),
    argv: plugins('update', HELLO, '--to', '2.0.0', '--yes'),
    mounts: true,
  },
  {
    name: 'update that is unwell',
    before: first,
    argv: plugins('update', HELLO, '--to', '3.0.0', '--yes'),
    code: 1,
  },
  {
    name: 'update that prunes',
    before: (estate) => estate.prepared('two kept', installed('1.0.0', '2.0.0'), TWO_KEPT),
    argv: plugins('update', HELLO, '--to', '4.0.0', '--yes'),
  },
  { name: 'rollback', before: second, argv: plugins('rollback', HELLO) },
  {
    name: 'rollback, its data an image',
    before: (estate) => estate.prepared('second, image', installed('1.0.0', '2.0.0'), IMAGE),
    argv: plugins('rollback', HELLO),
    mounts: true,
  },
  { name: 'remove', before: second, argv: plugins('remove', HELLO, '--yes') },
  { name: 'remove --purge', before: second, argv: plugins('remove', HELLO, '--purge', '--yes') },
  {
    name: 'repair from files',
    before: damaged('share/same'),
    argv: plugins('repair', HELLO),
    inParts: true,
  },
  {
    name: 'repair from a tarball',
    before: damaged('share/own'),
    argv: plugins('repair', HELLO),
    inParts: true,
  },
  { name: 'gc', before: littered, argv: plugins('gc'), inParts: true, isDeaf: true },
  { name: 'hold', before: first, argv: plugins('hold', HELLO, '--reason', 'a freeze'), isDeaf: true },
  {
    name: 'unhold',
    before: (estate) =>
      estate.prepared('held', async (manager) => {
        await installed('1.0.0')(manager)
        manager.hold(HELLO, { reason: 'a freeze' })
      }),
    argv: plugins('unhold', HELLO),
    isDeaf: true,
  },
  { name: 'disable', before: first, argv: plugins('disable', HELLO), isDeaf: true },
  {
    name: 'sync',
    before: behindLock,
    argv: (home, estate) => plugins('sync', lockOf(estate))(home),
    inParts: true,
  },
]

/** Neither any other version has that file as it was signed, or one has. */
function damaged(file: string) {
  return (estate: Estate) =>
    estate.prepared(`damaged ${file}`, async (manager, layout) => {
      await installed('1.0.0', '4.0.0')(manager)
      const [one] = manager.list()
      if (one === undefined) throw new Error('it was installed a moment ago')
      const tree = packageOf(layout.release(HELLO, one.version, one.sha256 as never))
      writeFileSync(join(tree, file), 'another')
      rmSync(join(tree, 'plugin.json'))
    })
}

/** What only `gc` removes: versions too many, a user id of nobody, a folder without a row. */
function littered(estate: Estate): Promise<string> {
  return estate.prepared('littered', async (manager, layout) => {
    await installed('1.0.0', '2.0.0', '4.0.0')(manager)
    const config = JSON.parse(readFileSync(layout.configFile, 'utf8')) as object
    writeFileSync(layout.configFile, JSON.stringify({ ...config, keepVersions: 2 }))
    const [release = ''] = readdirSync(join(layout.plugins, HELLO))
    cpSync(join(layout.plugins, HELLO, release), join(layout.plugins, HELLO, `9.9.9-${'a'.repeat(12)}`), {
      recursive: true,
      verbatimSymlinks: true,
    })
    cpSync(join(layout.plugins, HELLO, release), join(layout.plugins, OTHER, `9.9.9-${'b'.repeat(12)}`), {
      recursive: true,
      verbatimSymlinks: true,
    })
    cpSync(layout.data(HELLO), join(layout.snapshots(HELLO), '9.9.9-cccccccccccc'), { recursive: true })
  })
}

const lockOf = (estate: Estate): string => join(estate.registry, 'plugins.lock')

/** The lock file asks for a newer one, and for another one beside it, held. */
async function behindLock(estate: Estate): Promise<string> {
  await estate.prepared('as its lock says', async (manager) => {
    await manager.install(`${HELLO}@4.0.0`, agreed)
    await manager.install(`${OTHER}@1.1.0`, agreed)
    manager.hold(OTHER)
    await manager.writeLock({ lockFile: lockOf(estate) })
  })
  return first(estate)
}

export const operation = (name: string): Operation => {
  const found = OPERATIONS.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no operation is called ${name}`)
  return found
}
