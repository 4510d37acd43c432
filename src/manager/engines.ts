import { type EngineFault, type EngineNeeds, type EnginesHere, engineFaults } from '../core/engine-check.ts'
import type { ErrorCode } from '../core/error-codes.ts'
import { IsolationError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'
import { platformOf } from '../core/runtimes.ts'
import { versionRules } from '../core/version-range.ts'
import { CONTRACT_VERSION, type Interpreter, Interpreters } from '../runtime/index.ts'
import type { Host } from './host.ts'

type Place = Pick<Host, 'layout' | 'caller' | 'config'>

/**
 * What this host runs plugins on: the interpreters that the planner would use, each asked once, and only when its version is
 * wanted. One that cannot be used in a sandbox counts as none.
 */
export function enginesOf({ layout, caller, config }: Place): EnginesHere {
  const interpreters = new Interpreters({ cache: layout.cache, uid: caller.uid, ...config.interpreters })
  const known = new Map<string, string | null>()
  const ask = (name: 'node' | 'python'): string | null => {
    if (!known.has(name))
      known.set(
        name,
        versionOf(() => interpreters[name]()),
      )
    return known.get(name) ?? null
  }
  return {
    platform: platformOf(process.arch),
    bulkhead: CONTRACT_VERSION,
    get node() {
      return ask('node')
    },
    get python() {
      return ask('python')
    },
  }
}

function versionOf(find: () => Interpreter): string | null {
  try {
    return find().version
  } catch (error) {
    if (error instanceof IsolationError && error.code === 'INTERPRETER_MISSING') return null
    throw error
  }
}

/** Why a listed release cannot be used here, for `resolve`: the same answer that its manifest will get. */
export async function unsupportedHere(host: Place): Promise<(needs: EngineNeeds) => string | null> {
  const [rules, here] = [await versionRules(), enginesOf(host)]
  return (needs) => engineFaults(needs, here, rules)[0]?.sentence ?? null
}

/**
 * Before anything is written: a plugin that can never run here is not installed here.
 * @throws IsolationError `PLATFORM_UNSUPPORTED`, `ENGINE_UNSUPPORTED`
 */
export async function assertSupportedHere(
  host: Place,
  manifest: Pick<Manifest, 'name' | 'version' | 'engines' | 'platforms'>,
): Promise<void> {
  const { name, version } = manifest
  const faults = engineFaults(manifest, enginesOf(host), await versionRules())
  const [first] = faults
  if (first === undefined) return
  throw new IsolationError(
    CODES[first.what],
    `cannot install ${name} ${version}: ${faults.map(({ sentence }) => sentence).join('; ')}`,
    { hint: HINTS[first.what], details: { faults: faults.map(({ sentence }) => sentence) } },
  )
}

const CODES = {
  platform: 'PLATFORM_UNSUPPORTED',
  engine: 'ENGINE_UNSUPPORTED',
} as const satisfies Record<EngineFault['what'], ErrorCode>

const HINTS: Readonly<Record<EngineFault['what'], string>> = {
  platform: 'ask its publisher for a release for this machine',
  engine:
    '"interpreters": {"node": …, "python": …} in config.json name others; plugins doctor tells which are used; or install an older version of the plugin',
}
