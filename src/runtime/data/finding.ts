import { readFileSync } from 'node:fs'
import { PluginError } from '../../core/errors.ts'
import type { Layout } from '../../core/layout.ts'
import type { Caller } from '../caller.ts'
import { missingDataTools } from '../data.ts'
import type { LayerFinding } from '../doctor.ts'
import { packageOfTool } from '../host-tools.ts'
import { modeOf } from '../ids.ts'
import { lackOfFuse } from './mounting.ts'
import { holdsProjects } from './project.ts'

const LAYER = { layer: 'data-quota', required: false }
const PROJECTS = 'mount the file system of the home with prjquota (docs/sandbox.md)'

/** Needed only by plugins that ask for `limits.data`; without it those are refused and others run. */
export function dataFinding(layout: Layout, caller: Caller): LayerFinding {
  const hasProjects = canHoldProjects(layout.home)
  return modeOf(caller) === 'user' ? userFinding(caller, hasProjects) : rootFinding(hasProjects)
}

/** Without a launcher nobody can ask, and another row says so. */
function canHoldProjects(home: string): boolean {
  try {
    return holdsProjects(home)
  } catch (error) {
    if (error instanceof PluginError && error.code === 'LAUNCHER_MISSING') return false
    throw error
  }
}

function rootFinding(hasProjects: boolean): LayerFinding {
  if (hasProjects) return { ...LAYER, available: true, detail: 'project quotas of the file system', remedy: null }
  const [tool] = missingDataTools()
  if (tool) {
    const remedy = `apt-get install ${packageOfTool(tool)}`
    return { ...LAYER, available: false, detail: `there is no ${tool} on this host`, remedy }
  }
  return /^\s*\d+ loop$/m.test(readFileSync('/proc/devices', 'utf8'))
    ? { ...LAYER, available: true, detail: 'ext4 image on a loop device', remedy: null, better: PROJECTS }
    : { ...LAYER, available: false, detail: 'the kernel has no loop devices', remedy: 'modprobe loop' }
}

function userFinding(caller: Caller, hasProjects: boolean): LayerFinding {
  const prepared = 'an administrator can prepare a project quota for each plugin (docs/rootless.md)'
  const lack = lackOfFuse(caller)
  if (lack === null) {
    const detail = 'ext4 image, served by fuse2fs'
    return { ...LAYER, available: true, detail, remedy: null, ...(hasProjects && { better: prepared }) }
  }
  const detail = `${lack.reason}${hasProjects ? `; ${prepared}` : ''}`
  return { ...LAYER, available: false, detail, remedy: lack.remedy }
}
