import type { PluginError } from '../core/errors.ts'
import type { Installation } from '../core/installation.ts'
import { packageOf } from '../core/layout.ts'
import type { PluginName } from '../core/name.ts'
import {
  type ClosedRule,
  closedRules,
  POLICY_MAX_BYTES,
  type PolicyEdit,
  parsePolicy,
  policyOf,
  type RevocationRequest,
  readPlainFile,
  revoke,
  type TrustPolicy,
  withdraw,
} from '../verify/index.ts'
import { modificationOf } from './clearance.ts'
import { examine, failureOf } from './examination.ts'
import type { Host } from './host.ts'

/** A change that is only looked at: a whole trust.json to be, or one edit of the present one. */
export type TrustTrial =
  | { readonly file: string }
  | { readonly revoke: RevocationRequest }
  | { readonly remove: { readonly id: string; readonly pattern?: string | undefined } }

export interface TrialVerdict {
  readonly ok: boolean
  readonly code: string | null
  readonly message: string | null
}

export interface SimulatedPlugin {
  readonly name: PluginName
  /** `null`: its row cannot be read. */
  readonly version: string | null
  readonly state: Installation['state'] | null
  readonly before: TrialVerdict
  readonly after: TrialVerdict
  /** Another verdict than before. */
  readonly changes: boolean
}

export interface Simulation {
  readonly plugins: readonly SimulatedPlugin[]
  /** Rules of the policy to be that no new release can satisfy. */
  readonly closed: readonly ClosedRule[]
  readonly notes: readonly string[]
}

/** What a change of policy would come to for everything that is installed. Nothing is written. */
export async function simulate(host: Host, trial: TrustTrial): Promise<Simulation> {
  const { policy, notes } = policyToBe(host, trial)
  const plugins: SimulatedPlugin[] = []
  const judges = { before: judgeOf(host, () => host.trustFile.read()), after: judgeOf(host, () => policy) }
  for (const name of host.store.names()) {
    const plugin = await simulated(host, name, judges)
    if (plugin !== null) plugins.push(plugin)
  }
  return { plugins, closed: closedRules(policy.document, host.now()), notes }
}

function policyToBe(host: Host, trial: TrustTrial): { policy: TrustPolicy; notes: readonly string[] } {
  if ('file' in trial) {
    return { policy: parsePolicy(readPlainFile(trial.file, POLICY_MAX_BYTES), trial.file), notes: [] }
  }
  const { document } = host.trustFile.read()
  const edit: PolicyEdit =
    'revoke' in trial
      ? revoke(document, trial.revoke, host.now())
      : withdraw(document, trial.remove.id, trial.remove.pattern)
  return { policy: policyOf(edit.document), notes: edit.notes }
}

type Judge = (installation: Installation) => Promise<PluginError | null>

/** A policy that cannot be read refuses everything, and is what somebody may be about to repair. */
function judgeOf(host: Host, read: () => TrustPolicy): Judge {
  let verifier: ReturnType<Host['verifier']>
  try {
    verifier = host.verifier(read())
  } catch (thrown) {
    const error = failureOf(thrown, 'what is installed')
    return async () => error
  }
  return async (installation) => {
    const verdict = await examine(host, verifier, installation)
    if (!verdict.ok) return verdict.error
    const { name, version, digest, seal } = installation
    const path = packageOf(host.layout.release(name, version, digest))
    const found = await host.trees.check(path, verdict.value.statement.files, seal)
    return modificationOf(installation, found)
  }
}

async function simulated(
  host: Host,
  name: PluginName,
  judges: { readonly before: Judge; readonly after: Judge },
): Promise<SimulatedPlugin | null> {
  let installation: Installation | null
  try {
    installation = host.store.find(name)
  } catch (thrown) {
    const verdict = said(failureOf(thrown, name))
    return { name, version: null, state: null, before: verdict, after: verdict, changes: false }
  }
  // Removed since the list was made.
  if (installation === null) return null
  const before = await verdictBy(judges.before, installation)
  const after = await verdictBy(judges.after, installation)
  const { version, state } = installation
  return { name, version, state, before, after, changes: before.code !== after.code }
}

async function verdictBy(judge: Judge, installation: Installation): Promise<TrialVerdict> {
  try {
    return said(await judge(installation))
  } catch (thrown) {
    return said(failureOf(thrown, `${installation.name} ${installation.version}`))
  }
}

const said = (error: PluginError | null): TrialVerdict =>
  error === null ? { ok: true, code: null, message: null } : { ok: false, code: error.code, message: error.message }
