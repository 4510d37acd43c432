import { existsSync } from 'node:fs'
import type { EngineName } from '../../core/engines.ts'
import { IsolationError } from '../../core/errors.ts'
import type { CgroupPlan, Mode } from '../cgroups.ts'
import { spawn } from '../host-tools.ts'
import { type Mount, parseMountinfo } from '../mountinfo.ts'

/** The engine of one run, found and fit for this host. */
export interface EnginePlan {
  readonly name: EngineName
  /** The runtime; `null`: our own launcher builds the sandbox. */
  readonly binary: string | null
  /** Where it makes cgroups of the run beside those that hold limits: to be swept with them. */
  readonly parents: readonly string[]
}

export const NATIVE: EnginePlan = { name: 'native', binary: null, parents: [] }

export interface EngineFacts {
  readonly mode: Mode
  readonly hierarchy: CgroupPlan['hierarchy']
  readonly mountinfo: string
}

const FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin']

/** @throws IsolationError `ENGINE_UNAVAILABLE`, naming the Debian package or what this host has that it cannot work with */
export function surveyEngine(name: EngineName, facts: EngineFacts): EnginePlan {
  if (name === 'native') return NATIVE
  const fault = faultOf(name, facts)
  if (fault !== null) throw unavailable(name, fault.reason, fault.hint)
  const binary = findRuntime(name)
  if (binary === null) throw unavailable(name, `there is no ${name} on this host`, `apt-get install ${name}`)
  return { name, binary, parents: parentsOf(parseMountinfo(facts.mountinfo)) }
}

export function findRuntime(name: EngineName): string | null {
  for (const folder of FOLDERS) if (existsSync(`${folder}/${name}`)) return `${folder}/${name}`
  return null
}

export interface EngineFault {
  readonly reason: string
  readonly hint: string
}

/** Why a runtime cannot work on this host, whatever its version. */
export function faultOf(name: EngineName, { mode, hierarchy }: EngineFacts): EngineFault | null {
  if (mode === 'user') {
    return { reason: 'it is driven by root only', hint: 'run it as root, or with --engine native' }
  }
  // docs/engines.md has what was tried.
  if (name === 'runsc') {
    return {
      reason: 'its plugins would have one uid on the host, nobody, and no descriptor to report by',
      hint: 'use --engine native or --engine runc',
    }
  }
  if (name === 'crun' && hierarchy === 'hybrid') {
    return {
      reason: 'it does not work with cgroups in hybrid mode',
      hint: 'boot Linux with cgroup_no_v1=all (systemd: also systemd.unified_cgroup_hierarchy=1), or use --engine runc',
    }
  }
  return null
}

function unavailable(name: EngineName, reason: string, hint: string): IsolationError {
  return new IsolationError('ENGINE_UNAVAILABLE', `cannot run with ${name}: ${reason}`, { hint })
}

/** v1 has a hierarchy for each controller, and a runtime makes a cgroup in every one of them. */
const parentsOf = (mounts: readonly Mount[]): string[] =>
  mounts.filter(({ type }) => type === 'cgroup').map(({ point }) => `${point}/bulkhead`)

/** The first line of `--version`, or `null` when it does not start. */
export function versionOf(binary: string): string | null {
  const { status, stdout } = spawn(binary, ['--version'])
  return status === 0 ? (stdout.split('\n')[0]?.trim() ?? null) : null
}
