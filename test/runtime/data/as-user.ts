// src/runtime/data.ts as an ordinary user calls it: in a process of theirs.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { needsRoot } from '../launcher/launch.ts'
import { needsHelpers, subordinateUser } from '../launcher/user.ts'

const SOURCE = resolve(import.meta.dirname, '../../../src/runtime/data.ts')
const SNAPSHOT = resolve(import.meta.dirname, '../../../src/runtime/data/snapshot.ts')
const RESTORE = resolve(import.meta.dirname, '../../../src/runtime/data/restore.ts')
const SOURCES = {
  openData: SOURCE,
  closeData: SOURCE,
  removeData: SOURCE,
  takeSnapshot: SNAPSHOT,
  dropSnapshot: SNAPSHOT,
  restoreSnapshot: RESTORE,
}

/** A throw-away user with subordinate ids, or why there is none. */
export const user = needsRoot || needsHelpers || subordinateUser()

export function asUser(argv: readonly string[]) {
  const { uid } = user as { uid: number }
  const ids = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups']
  return spawnSync('setpriv', [...ids, ...argv], { encoding: 'utf8', input: '', cwd: '/' })
}

/** For `test`'s `skip`: a checkout may lie in a folder that is closed to others. */
export const readable: string | false =
  typeof user === 'string'
    ? user
    : ([SOURCE, process.execPath]
        .map((file) => (asUser(['test', '-r', file]).status === 0 ? false : `users may not read ${file}`))
        .find((lack) => lack !== false) ?? false)

/** What it returned, or the code of its error and the sentence. */
export function call(name: keyof typeof SOURCES, argument: unknown): string {
  const code = `import { ${name} } from ${JSON.stringify(SOURCES[name])}
    try { console.log((await ${name}(${JSON.stringify(argument)})) ?? 'done') } catch (e) { console.log(e.code, e.message) }`
  const { stdout, stderr } = asUser([process.execPath, '--input-type=module-typescript', '--no-warnings', '-e', code])
  assert.equal(stderr, '')
  return stdout.trim()
}
