import type { EngineName } from '../core/engines.ts'
import { prepareBundle } from './oci/bundle-folder.ts'
import type { RunPlan } from './plan.ts'

/** Who builds the sandbox of a run. Whoever it is, our launcher supervises, limits, judges and reports. */
export interface Engine {
  readonly name: EngineName
  /** Writes what it needs into `folder`, which is this run's alone; the calls that the launcher makes, if any. */
  prepare(plan: RunPlan, folder: string, launcher: string): EngineCalls | null
}

/** Command lines of an OCI runtime, each with the runtime's path first. */
export interface EngineCalls {
  readonly create: readonly string[]
  readonly start: readonly string[]
  readonly delete: readonly string[]
  /** Where `create` leaves the pid of the container's first process. */
  readonly pidFile: string
  /** Where the runtime finds the plugin's root, if not in the home. */
  readonly place: string | null
}

/** Our launcher builds the sandbox from its specification and needs nothing else. */
const native: Engine = { name: 'native', prepare: () => null }

const oci = (name: EngineName): Engine => ({ name, prepare: prepareBundle })

const ENGINES: Readonly<Record<EngineName, Engine>> = {
  native,
  runc: oci('runc'),
  crun: oci('crun'),
  runsc: oci('runsc'),
}

export const engineOf = (plan: RunPlan): Engine => ENGINES[plan.engine.name]
