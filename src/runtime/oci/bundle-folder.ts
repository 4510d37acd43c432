import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { IsolationError } from '../../core/errors.ts'
import type { EngineCalls } from '../engine.ts'
import type { RunPlan } from '../plan.ts'
import { encodeSpec } from '../spec.ts'
import { bundleOf, INSIDE_ID } from './bundle.ts'

/** A place every uid may pass, for the mounts of one runtime alone: nothing is ever seen there by anybody else. */
const PLACE = '/run/bulkhead'
/** The host id of a container's root. systemd's UIDS-GIDS leaves it unclaimed, and no plugin is ever given it. */
const ROOT_ID = 2_147_483_647

/** Writes the bundle of a run, and says how the runtime is called with it. */
export function prepareBundle(plan: RunPlan, folder: string, launcher: string): EngineCalls {
  const { binary } = plan.engine
  if (binary === null) throw new IsolationError('ENGINE_UNAVAILABLE', `cannot run ${plan.name}: no runtime was found`)
  const isMapped = !plan.weaker.includes('user-namespace')
  if (isMapped) mkdirSync(PLACE, { recursive: true, mode: 0o755 })
  const places = {
    launcher,
    inside: join(folder, 'inside'),
    root: isMapped ? PLACE : plan.root,
    rootId: isMapped ? ROOT_ID : null,
  }
  const config = JSON.stringify(bundleOf(plan, places))
  // Read by the plugin's own uid inside; the folder above lets nobody in outside.
  writeFileSync(places.inside, encodeSpec(insideOf(plan)), { mode: 0o444, flag: 'wx' })
  // It holds what the operator grants: this run's folder goes when the run does.
  writeFileSync(join(folder, 'config.json'), config, { mode: 0o600, flag: 'wx' })
  const state = ['--root', join(folder, 'state'), '--log', join(folder, 'log')]
  const pidFile = join(folder, 'pid')
  return {
    create: [binary, ...state, 'create', '--bundle', folder, '--preserve-fds', '1', '--pid-file', pidFile, plan.run],
    start: [binary, ...state, 'start', plan.run],
    delete: [binary, ...state, 'delete', '--force', plan.run],
    pidFile,
    place: isMapped ? PLACE : null,
  }
}

/** Which cgroups there are matters inside, and not where they are. */
const SOMEWHERE = '/cgroup'

/**
 * What the container's first process is told, in a file that the plugin can read as well: no path and no id of the host's,
 * and no value that the operator grants.
 */
function insideOf(plan: RunPlan): RunPlan {
  const { cgroup2, cgroup1 } = plan.cgroups
  return {
    ...plan,
    // Without a user namespace it is the host's id that the plugin has, and sees anyway.
    ids: plan.weaker.includes('user-namespace') ? plan.ids : { ...plan.ids, uid: INSIDE_ID, gid: INSIDE_ID },
    cgroups: {
      ...plan.cgroups,
      cgroup2: cgroup2 === null ? null : SOMEWHERE,
      cgroup1: Object.fromEntries(Object.keys(cgroup1).map((controller) => [controller, SOMEWHERE])),
    },
    root: '/plugin',
    data: plan.data === null ? null : '/data',
    binds: plan.binds.map((bind) => ({ ...bind, outside: bind.inside })),
    env: {},
    watch: { ...plan.watch, log: null },
  }
}
