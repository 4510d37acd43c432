// The modes of this machine: who runs the plugins, and who builds their sandboxes.

import { spawn } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { compile } from '../../helpers/compile.ts'
import { engines } from '../../runtime/engines/engines.ts'
import { launcherOfWeakerCopies, launcherPath, needsRoot } from '../../runtime/launcher/launch.ts'
import { needsHelpers, subordinateUser } from '../../runtime/launcher/user.ts'
import { needsParent } from '../../runtime/preload/parent.ts'
import { compileAttacker } from './arsenal.ts'
import type { Mode } from './attack.ts'
import { campaign, contain, type Finding, findingsOf, loosen } from './campaign.ts'
import { delegate } from './delegation.ts'
import { CARELESS, HOLDER, type HostPrograms } from './host.ts'
import { Yard } from './yard.ts'

/** Why a mode cannot be had on this machine; `null` where it can. */
export function whyNotMode(mode: Mode): string | null {
  if (needsRoot) return needsRoot
  if (mode === 'root') return null
  if (mode === 'preload') return needsParent || null
  if (mode === 'rootless') {
    const user = subordinateUser()
    return needsHelpers || (typeof user === 'string' ? user : null)
  }
  const engine = engines.find(({ name }) => name === mode)
  return engine?.skip || null
}

/** Every attack in one mode. */
export async function besiege(mode: Mode): Promise<Finding[]> {
  // Not in /tmp: what a plugin may be shown lies below a few folders of the host.
  const folder = mkdtempSync('/var/tmp/bulkhead-suite-')
  chmodSync(folder, 0o755)
  try {
    const programs = await programsIn(folder)
    if (mode === 'rootless') return await asUser(folder, programs)
    if (mode === 'preload') return await ofCopies(folder, programs)
    const yard = await Yard.open(folder, programs, mode === 'root' ? 'native' : mode, [])
    try {
      return await campaign(yard, mode)
    } finally {
      await yard.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** No launcher lets a copy go without a layer: the side without it is that of a build for this alone. */
async function ofCopies(folder: string, programs: HostPrograms): Promise<Finding[]> {
  const sideOf = async (name: string, launcher: string, attack: typeof contain) => {
    mkdirSync(join(folder, name))
    const yard = await Yard.open(join(folder, name), { ...programs, launcher }, 'native', [], true)
    try {
      return await attack(yard, 'preload')
    } finally {
      await yard.close()
    }
  }
  const contained = await sideOf('contained', launcherPath(), contain)
  const loose = await sideOf('loose', launcherOfWeakerCopies(), loosen)
  return findingsOf('preload', contained, loose)
}

async function programsIn(folder: string): Promise<HostPrograms> {
  const place = join(folder, 'programs')
  mkdirSync(place)
  const compiled = {
    attacker: await compileAttacker(),
    holder: await compile(HOLDER, { static: true }),
    careless: await compile(CARELESS, { static: true }),
    launcher: launcherPath(),
  }
  const here = (name: keyof HostPrograms): string => {
    copyFileSync(compiled[name], join(place, name))
    chmodSync(join(place, name), 0o755)
    return join(place, name)
  }
  return { attacker: here('attacker'), holder: here('holder'), careless: here('careless'), launcher: here('launcher') }
}

/** In a process of the user's own, which does what root's does. */
async function asUser(folder: string, programs: HostPrograms): Promise<Finding[]> {
  const user = subordinateUser()
  if (typeof user === 'string') throw new Error(user)
  const own = join(folder, 'user')
  mkdirSync(own)
  chownSync(own, user.uid, user.uid)
  const { weaker, enter, end } = delegate(user.uid)
  try {
    const ids = ['--reuid', String(user.uid), '--regid', String(user.uid), '--clear-groups', '--']
    const given = JSON.stringify({ folder: own, programs, weaker })
    const program = join(import.meta.dirname, 'as-user.ts')
    // It waits for a byte before it does anything: until then it can be put where it may make cgroups.
    const child = spawn('setpriv', [...ids, process.execPath, program, given], {
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: own, USER: `u${user.uid}`, ...slowness() },
    })
    enter(child.pid ?? 0)
    child.stdin.end('x')
    let [said, wrong] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (wrong += text))
    const code = await new Promise((done) => child.once('close', done))
    if (code !== 0) throw new Error(`the user's campaign failed: ${wrong}`)
    return JSON.parse(said) as Finding[]
  } finally {
    end()
  }
}

const PASSED_ON = ['BULKHEAD_TEST_SLOW', 'BULKHEAD_ATTACKS', 'NODE_COMPILE_CACHE']
const slowness = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.includes(name)))
