// A host that gives up a right, and is taken over afterwards, must not find a process of its own that has kept it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { spoolOf, startOf } from '../../runtime/forks.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch || (process.getuid?.() === 0 ? false : 'only root has rights to give up')
if (skip !== false) console.log(`skipped: ${skip}`)

/** The host says who a launcher is that it is given before, and then who one is that it is given after. */
function saidBy(spool: string, gives: string, command: readonly string[] = []): string {
  const source = (name: string) => JSON.stringify(join(import.meta.dirname, '../../../src/runtime', name))
  const program = `
    import { readFileSync } from 'node:fs'
    import { ForkServer } from ${source('launching/fork-server.ts')}
    import { findLauncher } from ${source('index.ts')}
    const server = await ForkServer.start(findLauncher(), ${JSON.stringify(spool)})
    const ask = async () => {
      const launcher = await server.ask(${JSON.stringify(startOf())})
      return launcher && /^Uid:\\t(\\d+)/m.exec(readFileSync('/proc/' + launcher.pid + '/status', 'utf8'))[1]
    }
    console.log('before', await ask())
    ${gives}
    console.log('after', await ask())
    process.exit()`
  const [file = '', ...words] = [...command, process.execPath, '--input-type=module', '-e', program]
  const { stdout, stderr } = spawnSync(file, words, { encoding: 'utf8' })
  return stdout + stderr
}

const RIGHTS = {
  nothing: '',
  'its user': 'process.setuid(65534)',
  'its user for a while': 'process.seteuid(65534)',
  'its group': 'process.setgid(65534)',
  'other groups': 'process.setgroups([65534])',
} as const

for (const [right, gives] of Object.entries(RIGHTS)) {
  test(`a host that has given up ${right} has ${gives === '' ? 'its' : 'no'} launchers`, { skip }, (t) => {
    assert.equal(saidBy(spoolOf(t), gives), `before 0\nafter ${gives === '' ? '0' : 'null'}\n`)
  })
}

test('a server that sees somebody else under the number of its host has no launchers', { skip }, (t) => {
  // As in a container that has the /proc of its host: there number 1 is not the one that has started it.
  const said = saidBy(spoolOf(t), '', ['unshare', '--pid', '--fork', '--'])
  assert.match(said, /Cannot read properties of null/)
})
