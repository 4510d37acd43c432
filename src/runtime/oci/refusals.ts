import { type EngineName, FIXED, LACKING } from '../../core/engines.ts'
import { IsolationError, UsageError } from '../../core/errors.ts'
import type { PlanInput } from '../plan.ts'

/** No silent weakening: what an engine cannot give has to be gone without by name, and nothing else of it can be. */
export function refuseLacking({ manifest, network, engine, weaker, reportDenials }: PlanInput): void {
  const name = engine?.name ?? 'native'
  if (name === 'native') return
  if (network.allow.length > 0) {
    throw new IsolationError(
      'NETWORK_UNAVAILABLE',
      `cannot run ${manifest.name} with ${name}: it asks for the network (${manifest.permissions.network.join(', ')}), and the relay is of the native engine`,
      { hint: `plugins run ${manifest.name} --engine native` },
    )
  }
  if (reportDenials) {
    throw new UsageError('USAGE', `cannot report what ${manifest.name} is denied with ${name}`, {
      hint: 'leave out --report-denials, or --engine',
    })
  }
  refuseLayers(manifest.name, name, weaker)
}

function refuseLayers(plugin: string, name: EngineName, weaker: readonly string[]): void {
  const lacking = LACKING[name].filter((layer) => !weaker.includes(layer))
  const [layer] = lacking
  if (layer !== undefined) {
    throw new IsolationError(
      'SANDBOX_UNAVAILABLE',
      `cannot run ${plugin} with ${name}: it cannot give ${lacking.join(', ')}`,
      {
        hint: `plugins run ${plugin} --engine ${name} ${lacking.map((one) => `--weaker ${one}`).join(' ')}`,
        details: { layer },
      },
    )
  }
  const fixed = FIXED[name].find((one) => weaker.includes(one))
  if (fixed === undefined) return
  throw new UsageError('USAGE', `cannot run ${plugin} with ${name} and without ${fixed}: every container has it`, {
    hint: `leave out --weaker ${fixed}, or --engine ${name}`,
  })
}
