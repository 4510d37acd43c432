// Another process keeps the database locked: a command waits as long as a command should, names it, and has changed nothing.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { withManifest } from '../manager/lifecycle/registered.ts'
import { BIN, type Shell, shell } from './cli.ts'

const HELLO = 'acme/hello'
const OTHER = 'acme/other'

const HOLDING = `const db = new (require('better-sqlite3'))(process.argv[1])
  db.exec('BEGIN IMMEDIATE'); console.log('held'); setInterval(() => {}, 1000)`

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly seconds: number
}

/** Beside others: `own.plugins` is one after the other. */
function begin(own: Shell, ...args: readonly string[]): Promise<Ended> {
  const began = Date.now()
  const env = { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [BIN, '--json', ...args], { env }, (_, stdout) =>
      resolve({ code: child.exitCode, stdout, seconds: (Date.now() - began) / 1000 }),
    )
  })
}

test('a database that another process holds: install and update say which after ten seconds, and work afterwards', async (t) => {
  const own = await shell(t)
  const registry = join(own.folder, 'registry')
  mkdirSync(registry)
  const specs = [withManifest(HELLO, '1.0.0', {}), withManifest(HELLO, '2.0.0', {}), withManifest(OTHER, '1.0.0', {})]
  specs.forEach((spec, at) => {
    const path = own.publish(spec)
    for (const end of ['', '.sigstore.json']) copyFileSync(`${path}${end}`, join(registry, `r${at}.tgz${end}`))
  })
  assert.equal(own.plugins(['registry', 'build', registry]).code, 0)
  assert.equal(own.plugins(['registry', 'add', 'main', registry]).code, 0)
  assert.equal(own.plugins(['install', `${HELLO}@1.0.0`, '--yes']).code, 0)

  const { database } = own.layout
  const holder = spawn(process.execPath, ['-e', HOLDING, database], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  const all = await Promise.all([begin(own, 'install', OTHER, '--yes'), begin(own, 'update', HELLO, '--yes')])
  for (const { code, stdout, seconds } of all) {
    assert.equal(code, 1, stdout)
    assert.ok(seconds > 9 && seconds < 25, `${seconds} s`)
    assert.ok(stdout.includes('"code":"STORE_BUSY"') || stdout.includes('"code": "STORE_BUSY"'), stdout)
    assert.ok(
      stdout.includes(
        `cannot write ${database}: another process held it for 10 s, at the end process ${holder.pid} (node)`,
      ),
      stdout,
    )
  }
  // Reading waits for nobody.
  assert.match(own.plugins(['list']).stdout, /acme\/hello +1\.0\.0/)

  holder.kill('SIGKILL')
  await once(holder, 'exit')
  assert.equal(own.plugins(['install', OTHER, '--yes']).code, 0)
  assert.equal(own.plugins(['update', HELLO, '--yes']).code, 0)
  assert.match(own.plugins(['list']).stdout, /acme\/hello +2\.0\.0/)
})
