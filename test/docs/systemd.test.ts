import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { BIN, shell } from '../cli/cli.ts'
import { rewrite } from '../manager/household.ts'

const UNITS = resolve(import.meta.dirname, '../../docs/systemd')
const read = (name: string) => readFileSync(join(UNITS, name), 'utf8')
const service = read('bulkhead-verify.service')
const [, program = '', line = ''] = /^ExecStart=(\S+) (.+)$/m.exec(service) ?? []

const skip = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'there is no systemd-analyze here'
if (skip !== false) console.log(`skipped: ${skip}`)

test('systemd finds nothing wrong with the units, and would find a wrong one', { skip }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-units-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const units = readdirSync(UNITS).map((name) => join(folder, name))
  const check = (change: (text: string) => string) => {
    // It looks for the program as well, which is where an administrator has put it.
    for (const path of units) {
      const text = readFileSync(join(UNITS, path.slice(folder.length + 1)), 'utf8')
      writeFileSync(path, change(text.replaceAll(program, '/bin/true')))
    }
    const said = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' })
    return `${said.status} ${said.stderr}`
      .split('\n')
      .filter((one) => /^\d|bulkhead/.test(one))
      .join('\n')
      .trim()
  }
  assert.equal(units.length, 2)
  assert.equal(
    check((text) => text),
    '0',
  )
  assert.match(
    check((text) => text.replace('Nice=10', 'Nice=much')),
    /nice priority/,
  )
  assert.match(
    check((text) => text.replace('OnCalendar=daily', 'OnCalendar=dally')),
    /dally|OnCalendar/,
  )
})

test('what the service starts is a command that verifies, puts away, and says so by its exit code', async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  const start = () => own.plugins(line.split(' '))
  assert.match(program, /\/plugins$/)
  assert.equal(start().code, 0)
  const { path } = own.json(['info', 'acme/hello']).value as { path: string }
  rewrite(join(path, 'root/plugin/main.js'), 'changed')
  const found = start()
  assert.equal(found.code, 3)
  assert.match(found.stdout, /acme\/hello 1\.0\.0: refused \(MODIFIED\); quarantined now/)
  const again = start()
  assert.equal(again.code, 3)
  assert.match(again.stdout, /refused \(MODIFIED\); in quarantine since \d{4}-/)
})

test('the way of the service works without rights that it could gain', { skip: noSetpriv() }, async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(), '--yes'])
  const ran = spawnSync('setpriv', ['--no-new-privs', process.execPath, BIN, ...line.split(' ')], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', BULKHEAD_HOME: own.layout.home },
  })
  assert.equal(ran.status, 0, ran.stderr)
})

function noSetpriv(): string | false {
  return spawnSync('setpriv', ['--version']).status === 0 ? false : 'there is no setpriv of util-linux'
}

test('the timer starts that service, also after a time when the host was off', () => {
  const timer = read('bulkhead-verify.timer')
  assert.match(timer, /^OnCalendar=daily$/m)
  assert.match(timer, /^Persistent=true$/m)
  assert.match(timer, /^WantedBy=timers\.target$/m)
  assert.match(service, /^Type=oneshot$/m)
  // Mounts of its own would keep a command from unmounting what lies on the host.
  assert.doesNotMatch(
    service,
    /^(?:Protect(?!Clock)|Private|ReadWrite|ReadOnly|Inaccessible|Bind|TemporaryFileSystem|Root)/m,
  )
})
