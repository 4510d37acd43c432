import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { DEFAULT_CONFIG } from '../../src/core/config.ts'
import { Layout } from '../../src/core/layout.ts'
import { parseProbe } from '../../src/runtime/doctor.ts'
import { type Diagnosis, diagnose, findLauncher } from '../../src/runtime/index.ts'
import { cannotLaunch } from './plan/house.ts'

function diagnosis(t: TestContext, launcher?: string): Diagnosis {
  const home = mkdtempSync(join(tmpdir(), 'bulkhead-doctor-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const { uid, gid, username: user } = userInfo()
  const options = { layout: new Layout(home), caller: { uid, gid, user }, config: DEFAULT_CONFIG }
  return diagnose(launcher === undefined ? options : { ...options, launcher })
}

function fakeLauncher(t: TestContext, lines: readonly object[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-probe-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'launch')
  writeFileSync(path, `#!/bin/sh\ncat <<'END'\n${lines.map((line) => JSON.stringify(line)).join('\n')}\nEND\n`)
  chmodSync(path, 0o755)
  return path
}

test('where real runs work, the doctor says so', { skip: cannotLaunch }, (t) => {
  const { canRun, findings } = diagnosis(t)
  assert.deepEqual(
    findings.filter((one) => one.required && !one.available),
    [],
  )
  assert.equal(canRun, true)
  for (const layer of [
    'kernel',
    'launcher',
    'seccomp',
    'landlock',
    'user-namespace',
    'memory',
    'uid',
    'runtime node',
  ]) {
    assert.ok(
      findings.some((one) => one.layer === layer),
      layer,
    )
  }
})

test('every layer is listed once', { skip: cannotLaunch }, (t) => {
  const layers = diagnosis(t).findings.map((one) => one.layer)
  assert.deepEqual(layers, [...new Set(layers)])
})

test('a required layer that fails means that plugins cannot run, with what was tried and what to do', (t) => {
  const launcher = fakeLauncher(t, [
    { layer: 'seccomp', available: true, detail: 'filter of 300 instructions' },
    { layer: 'landlock', available: false, detail: 'landlock_create_ruleset', errno: 'EOPNOTSUPP' },
  ])
  const { canRun, findings } = diagnosis(t, launcher)
  assert.equal(canRun, false)
  const landlock = findings.find((one) => one.layer === 'landlock')
  assert.equal(landlock?.detail, 'landlock_create_ruleset')
  assert.equal(landlock?.errno, 'EOPNOTSUPP')
  assert.match(landlock?.remedy ?? '', /lsm=landlock/)
})

test('a layer that is not required does not stop anybody', { skip: cannotLaunch }, (t) => {
  const rows = [{ layer: 'keyring', available: false, detail: 'no keyrings' }]
  const { canRun, findings } = diagnosis(t, fakeLauncher(t, rows))
  assert.equal(findings.find((one) => one.layer === 'keyring')?.required, false)
  assert.equal(canRun, true)
})

test('a launcher that says nothing is no launcher', (t) => {
  const { canRun, findings } = diagnosis(t, '/bin/false')
  assert.equal(canRun, false)
  assert.match(findings.find((one) => one.layer === 'launcher')?.detail ?? '', /says nothing/)
})

test('lines of the probe that are no rows are left out', () => {
  const text =
    'noise\n{"layer":1,"available":true}\nnull\n{"layer":"seccomp","available":true,"abi":7}\n{"layer":"x"}\n'
  assert.deepEqual(parseProbe(text), [{ layer: 'seccomp', available: true, detail: 'ABI 7', errno: '' }])
})

// --- the launcher's file

function checkout(t: TestContext, mode: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-launcher-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const place = join(folder, 'node_modules', '@bulkhead', 'launcher-linux-x64')
  const deep = join(folder, 'node_modules', '@bulkhead', 'plugins', 'dist', 'js')
  for (const path of [place, deep]) mkdir(path)
  writeFileSync(join(place, 'bulkhead-launch'), '')
  chmodSync(join(place, 'bulkhead-launch'), mode)
  return deep
}
const mkdir = (path: string) => mkdirSync(path, { recursive: true })
const uid = process.geteuid?.() ?? 0

test('the launcher is found in the package of this machine', (t) => {
  const start = checkout(t, 0o755)
  assert.match(findLauncher({ start, uid, arch: 'x64' }), /@bulkhead\/launcher-linux-x64\/bulkhead-launch$/)
})

test('a launcher that others may write, or that is not executable, is not used', (t) => {
  const unsafe = { code: 'LAUNCHER_MISSING', message: /others may write it/, hint: /chmod 755/ }
  assert.throws(() => findLauncher({ start: checkout(t, 0o777), uid, arch: 'x64' }), unsafe)
  const plain = { code: 'LAUNCHER_MISSING', message: /not executable/ }
  assert.throws(() => findLauncher({ start: checkout(t, 0o644), uid, arch: 'x64' }), plain)
})

test('no launcher at all names the package that brings it', (t) => {
  const start = checkout(t, 0o755)
  const missing = { code: 'LAUNCHER_MISSING', hint: /@bulkhead\/launcher-linux-riscv64/ }
  assert.throws(() => findLauncher({ start, uid, arch: 'riscv64' }), missing)
})
