// `plugins run --report-denials`: an author asks what the sandbox kept from a plugin.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compile } from '../helpers/compile.ts'
import { HELLO, manifestOf } from '../manager/household.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { shell } from './cli.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const spec = async () => ({
  files: {
    'bin/x': readFileSync(
      await compile(
        `#include <stdio.h>
         #include <fcntl.h>
         #include <sys/mount.h>
         int main(void) { mount("x", "/tmp", "tmpfs", 0, 0); open("/etc/ssl/openssl.cnf", O_RDONLY); puts("done"); }`,
        { static: true },
      ),
    ),
    'plugin.json': manifestOf(),
  },
  executable: ['bin/x'],
})

test('run --report-denials says what was denied and what is not there, and is recorded', { skip }, async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(await spec()), '--yes'])
  assert.equal(own.plugins(['run', HELLO]).stderr, '', 'unasked, nothing is said')
  const { code, stdout, stderr } = own.plugins(['run', HELLO, '--report-denials'])
  assert.equal(stdout, 'done\n')
  assert.equal(code, 0)
  assert.match(stderr, /^plugins: denied mount \(EPERM\)$/m)
  assert.match(stderr, /^plugins: not there: \/etc\/ssl\/openssl.cnf$/m)
  assert.match(stderr, /helps an author/)
  const { value } = own.json(['audit', HELLO])
  assert.ok((value as { kind: string }[]).some(({ kind }) => kind === 'denials-reported'))
})

test('it is in the plan, and cannot be had without the filter', { skip }, async (t) => {
  const own = await shell(t)
  own.plugins(['install', own.publish(await spec()), '--yes'])
  const plan = (args: readonly string[]) => JSON.parse(own.plugins(['run', HELLO, '--dry-run', ...args]).stdout)
  assert.equal(plan([]).reportDenials, false)
  assert.equal(plan(['--report-denials']).reportDenials, true)
  const refused = own.plugins(['run', HELLO, '--report-denials', '--weaker', 'seccomp'])
  assert.equal(refused.code, 125)
  assert.match(refused.stderr, /cannot report what acme\/hello is denied without the layer seccomp/)
})
