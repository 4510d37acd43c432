// What the caller had open, set or named must not arrive inside.

import assert from 'node:assert/strict'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compartment, launch, needsRoot, scratch } from '../../runtime/launcher/launch.ts'
import { account, attack, attackerProgram, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot

test('a descriptor the caller left open is not inherited', { skip }, async () => {
  const file = join(scratch(), 'open')
  writeFileSync(file, '')
  const extra = [openSync(file, 'r+')]
  await holdsOnlyWith(['descriptors'], ['write_fd', '6'], /^no EBADF$/, /^yes$/, { extra })
  assert.equal(readFileSync(file, 'utf8'), 'stolen', 'once, without the layer')
  assert.equal(account(await attack(['print_fds'], { extra })), '0 1 2')
})

test('the environment is what the specification says and nothing else', { skip }, async () => {
  const result = await launch({
    in: compartment(attackerProgram()),
    args: ['print_environ'],
    env: { PATH: '/usr/bin', PLUGIN_NAME: 'x' },
    environment: { SECRET: 'token', LD_PRELOAD: '/nowhere.so' },
  })
  assert.equal(result.stdout, 'PATH=/usr/bin\nPLUGIN_NAME=x\n')
})

test('the caller’s environment is wiped from the launcher itself', { skip }, async () => {
  const { start } = await import('../../runtime/launcher/launch.ts')
  const run = start({ in: compartment(attackerProgram()), args: ['sleep_ms', '300'], environment: { SECRET: 'token' } })
  const { pid } = await run.started
  assert.doesNotMatch(readFileSync(`/proc/${run.process.pid}/environ`, 'utf8'), /token/)
  assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /token/)
  await run.result
})

test('the cgroup path of the host is not shown', { skip }, async () => {
  const setting = { weaker: ['landlock'] } as const
  const inside = account(await attack(['print_cgroup'], setting))
  assert.doesNotMatch(inside, /bulkhead/)
  const loose = account(await attack(['print_cgroup'], { weaker: ['landlock', 'cgroup-namespace'] }))
  assert.match(loose, /bulkhead/)
})

test('the program holds pipes of the launcher, never the caller’s file or terminal', { skip }, async () => {
  const probe = compartment(attackerProgram())
  const file = join(scratch(), 'out')
  writeFileSync(file, '')
  const result = await launch({ in: probe, args: ['write_fd', '1'], stdio: ['ignore', openSync(file, 'w'), 'ignore'] })
  assert.equal(result.ended?.code, 0)
  assert.equal(readFileSync(file, 'utf8'), 'stolenyes\n', 'pumped, not handed over')
})
