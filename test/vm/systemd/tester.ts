// The ordinary user of the machine that systemd has booted, with a home of Bulkhead and a few plugins in it.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { Layout } from '../../../src/core/layout.ts'
import type { Outcome } from '../../../src/core/outcome.ts'
import { authority } from '../../helpers/authority.ts'
import { trust, writeRelease } from '../../manager/household.ts'

export const UID = 1000
export const MANAGER = `/sys/fs/cgroup/user.slice/user-${UID}.slice/user@${UID}.service`
export const UNIT = `${MANAGER}/app.slice/bulkhead.service`
export const PROJECT = '/opt/bulkhead'
export const FOLDER = '/home/tester/rootless'
const BIN = `node ${PROJECT}/src/cli/bin.cjs`

/** Why these tests cannot run here. */
export const skip =
  process.env.BULKHEAD_VM === 'systemd' ? false : 'only in the machine of npm run test:vm -- --systemd'

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly outcome: Outcome
}

/** How the user came to be where it starts something: each has a cgroup of another kind. */
export const WAYS = {
  'a login session': '',
  'a scope of the own systemd, as of a desktop terminal': 'systemd-run --user --scope --quiet',
  'a service of the own systemd': 'systemd-run --user --pipe --wait --quiet --collect --same-dir',
} as const

// Each command is compiled once, since the emulated processor takes seconds for it and dist/cache is not this user's.
const ENVIRONMENT = `export PATH=${PROJECT}/node_modules/.bin:$PATH BULKHEAD_HOME=${FOLDER}/home NODE_COMPILE_CACHE=/home/tester/compiled; cd ${FOLDER}`

/** A shell command in a session of the user. */
export function asTester(script: string, options: { readonly input?: string } = {}): Omit<Ran, 'outcome'> {
  const { status, stdout, stderr } = spawnSync('as-tester', ['bash', '-c', `${ENVIRONMENT}; ${script}`], {
    encoding: 'utf8',
    input: options.input ?? '',
  })
  return { code: status, stdout, stderr }
}

/** The same as a service of the system, with properties of systemd-run(1). */
export function asService(properties: string, script: string): Omit<Ran, 'outcome'> {
  const args = ['--uid=tester', '--gid=tester', '--pipe', '--wait', '--quiet', '--collect']
  const { status, stdout, stderr } = spawnSync(
    'systemd-run',
    [...args, ...properties.split(' ').filter(Boolean), 'bash', '-c', `${ENVIRONMENT}; ${script}`],
    { encoding: 'utf8', input: '' },
  )
  return { code: status, stdout, stderr }
}

/** The same, going on: the end of its standard input ends it. */
export const startAsTester = (script: string): ChildProcess =>
  spawn('as-tester', ['bash', '-c', `${ENVIRONMENT}; ${script}`], { stdio: ['pipe', 'pipe', 'inherit'] })

export const plugins = (args: string): string => `${BIN} ${args}`

let reports = 0
export function runPlugin(name: string, { way = '', args = '', input = '' } = {}): Ran {
  const report = `${FOLDER}/report-${reports++}`
  // The environment of a service is the manager's, so it is told by name.
  const home = way === '' ? '' : `/usr/bin/env "PATH=$PATH" BULKHEAD_HOME=${FOLDER}/home`
  const ran = asTester(`${way} ${home} ${BIN} run --report ${report} ${args} ${name}`, { input })
  const outcome = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Outcome) : (null as never)
  return { ...ran, outcome }
}

/** Entry, limits and permissions of a manifest, and the program. */
export interface Source {
  readonly runtime: 'exec' | 'node' | 'python'
  readonly program: string
  readonly manifest?: object
}

/** Lays the home out and installs all, as the user. */
export async function moveIn(sources: Readonly<Record<string, Source>>): Promise<void> {
  // Made by root, so in a place of root's, and then given away as a whole.
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-rootless-'))
  const layout = new Layout(join(folder, 'home'))
  mkdirSync(layout.home, { recursive: true, mode: 0o700 })
  const publisher = await authority()
  await trust(layout, publisher)
  const tarballs = Object.entries(sources).map(([name, { runtime, program, manifest }]) => {
    const entry = { runtime, path: 'program' }
    const files = {
      'plugin.json': JSON.stringify({ name: `acme/${name}`, version: '1.0.0', entry, ...manifest }),
      program,
    }
    const { tarball, bundle } = publisher.publish({ name: `acme/${name}`, files, executable: ['program'] })
    return join(FOLDER, name, basename(writeRelease(join(folder, name), tarball, bundle)))
  })
  writeFileSync(
    join(folder, 'install.mjs'),
    `import { openManager } from '${PROJECT}/dist/js/index.js'
     const manager = await openManager()
     for (const tarball of ${JSON.stringify(tarballs)}) await manager.install(tarball, { consent: () => true })
     await manager.close()`,
  )
  chmodSync(folder, 0o755)
  execFileSync('mv', [folder, FOLDER])
  execFileSync('chown', ['-R', 'tester:tester', FOLDER])
  const { code, stderr } = asTester('node install.mjs')
  if (code !== 0) throw new Error(`cannot install: ${stderr}`)
}

export const systemctl = (line: string): string => asTester(`systemctl --user --no-pager ${line}`).stdout.trim()
