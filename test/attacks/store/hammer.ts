// A process that changes one home until it is killed: `hammer.ts HOME loop TARBALL…`, or does one thing and ends:
// `hammer.ts HOME install TARBALL`, `hammer.ts HOME remove|purge NAME`. Says "ready" when it begins.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openManager, PluginError, type PluginManager } from '../../../src/index.ts'

const [home = '', verb = '', ...targets] = process.argv.slice(2)
const agree = { consent: () => true, allowDowngrade: true }

/** What another process may have done meanwhile; anything else is a fault of the store. */
const EXPECTED = ['ALREADY_INSTALLED', 'NOT_INSTALLED', 'WRONG_STATE', 'STORE_BUSY']

async function once(plugins: PluginManager, what: string, target: string): Promise<void> {
  if (what === 'install') await plugins.install(target, agree)
  else await plugins.remove(target, { purge: what === 'purge' })
}

async function attempt(work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof PluginError) || !EXPECTED.includes(error.code)) throw error
  }
}

const pick = <T>(values: readonly T[]): T => values[Math.floor(Math.random() * values.length)] as T

if (verb === 'loop') {
  console.log('ready')
  for (;;) {
    // Opened each time, as each command does: finishing what others left is part of what may be killed.
    const plugins = await openManager({ home })
    await attempt(() => once(plugins, 'install', pick(targets)))
    await attempt(() => once(plugins, 'install', pick(targets)))
    const name = pick(['acme/one', 'acme/two'])
    // As a run of it would have left it.
    if (plugins.list().some((one) => one.name === name)) mkdirSync(join(home, 'data', name), { recursive: true })
    await attempt(() => once(plugins, pick(['remove', 'purge']), name))
    await plugins.close()
  }
} else {
  const plugins = await openManager({ home })
  await import('../../../src/manager/install.ts')
  console.log('ready')
  await once(plugins, verb, targets[0] ?? '')
  console.log('done')
}
