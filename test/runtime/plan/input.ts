import { DEFAULT_CONFIG } from '../../../src/core/config.ts'
import { effectiveLimits, type Profile } from '../../../src/core/limits.ts'
import { effectiveNetwork } from '../../../src/core/network.ts'
import type { PlanInput } from '../../../src/runtime/plan.ts'
import { manifestOf } from './house.ts'

export const NODE = {
  kind: 'node',
  exec: '/usr/bin/node',
  leading: ['/usr/bin/node'],
  version: '24.1.0',
  binds: [
    { outside: '/opt/node/bin/node', inside: '/usr/bin/node', executable: true },
    { outside: '/usr/lib/libc.so.6', inside: '/usr/lib/x86_64-linux-gnu/libc.so.6', executable: true },
  ],
} as const

export const OWN = { kind: 'package', exec: '/plugin/bin/x', leading: [], version: null, binds: [] } as const

/** A run that has everything it needs; a test changes the one thing it is about. */
export function inputOf(manifest: object, rest: Partial<PlanInput> & { profile?: Profile } = {}): PlanInput {
  const parsed = manifestOf({ entry: { runtime: 'exec', path: 'bin/x' }, ...manifest })
  const { runtime } = parsed.entry
  const { profile = 'production', ...input } = rest
  return {
    run: 'r-1',
    manifest: parsed,
    release: '/home/p/1.2.3-abc',
    limits: effectiveLimits(parsed.limits, { runtime, protocol: parsed.protocol, profile }),
    network: effectiveNetwork(DEFAULT_CONFIG, parsed, { profile, agreed: null }),
    certificates: null,
    ids: { mode: 'root', uid: 1_879_048_192, gid: 1_879_048_192, idmap: 'direct' },
    interpreter: runtime === 'node' ? NODE : OWN,
    reads: [],
    cgroups: {
      hierarchy: 'v2',
      cgroup2: '/sys/fs/cgroup/bulkhead',
      cgroup2Controllers: ['memory', 'pids', 'cpu', 'io'],
      cgroup1: {},
      adopt: false,
      missing: [],
      steps: [],
    },
    data: null,
    disks: { devices: ['254:0'], reason: null },
    procMasked: false,
    args: [],
    grants: {},
    weaker: [],
    reportDenials: false,
    watch: {
      sampleMs: 10_000,
      alerts: { memory: 80, cpu: 90, files: 80 },
      log: { file: '/home/logs/acme/tried/r-1.log', bytes: 2 ** 20 },
    },
    ...input,
  }
}
