import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type EffectiveLimits,
  effectiveLimits,
  type LimitContext,
  type LimitName,
  type LimitRequest,
  limitContextOf,
  type OperatorLimits,
  PROFILES,
} from '../../src/core/limits.ts'
import { FLOORS, PROTOCOLS, RUNTIMES } from '../../src/core/runtimes.ts'

const M = 2 ** 20
const limitsFor = (asked: LimitRequest, context: Partial<LimitContext> = {}): EffectiveLimits =>
  effectiveLimits(asked, { runtime: 'exec', protocol: 'stdio', profile: 'production', ...context })

const given = (numbers: { defaults?: LimitRequest; ceilings?: LimitRequest }): OperatorLimits => ({
  from: 'config',
  defaults: numbers.defaults ?? {},
  ceilings: numbers.ceilings ?? {},
})

test('each profile gives the defaults of the design', () => {
  const shown = PROFILES.map((profile) => {
    const { limits } = limitsFor({}, { profile })
    return [profile, limits.memoryBytes / M, limits.cpu, limits.timeoutMs / 1000]
  })
  assert.deepEqual(shown, [
    ['development', 512, 2, 3600],
    ['production', 128, 0.5, 300],
    ['strict', 64, 0.2, 60],
  ])
  assert.equal(limitsFor({}, { profile: 'strict' }).limits.filesMax, 64)
})

test('every limit has a default that is not zero, but the data folder', () => {
  for (const profile of PROFILES) {
    const { limits } = limitsFor({}, { profile })
    const unset = Object.entries(limits).filter(([, value]) => value === 0)
    assert.deepEqual(unset, [['dataBytes', 0]])
  }
})

test('Node is given 256 MiB and 64 processes where nothing else is asked for', () => {
  const { limits, sources } = limitsFor({}, { runtime: 'node' })
  assert.deepEqual([limits.memoryBytes, limits.processesMax], [256 * M, 64])
  assert.equal(sources.memoryBytes, 'runtime')
  assert.equal(limitsFor({}, { runtime: 'node', profile: 'development' }).limits.memoryBytes, 512 * M)
})

test('a strict host gives a runtime its floor, and not one byte more', () => {
  const { limits } = limitsFor({ memoryBytes: 512 * M }, { runtime: 'node', profile: 'strict' })
  assert.equal(limits.memoryBytes, 128 * M)
  assert.equal(limitsFor({}, { runtime: 'node', profile: 'strict' }).limits.memoryBytes, 96 * M)
  const operator = [given({ ceilings: { memoryBytes: 8 * M, processesMax: 1, filesMax: 1 } })]
  assert.deepEqual(
    RUNTIMES.map((runtime) => limitsFor({}, { runtime, operator }).limits.memoryBytes),
    [8 * M, 96 * M, 24 * M],
  )
})

test('what a manifest asks for beyond the ceiling is cut, and said', () => {
  const { limits, cuts, sources } = limitsFor({ memoryBytes: 2048 * M, cpu: 1 })
  assert.equal(limits.memoryBytes, 1024 * M)
  assert.deepEqual(cuts, [{ limit: 'memoryBytes', asked: 2048 * M, given: 1024 * M }])
  assert.deepEqual([sources.memoryBytes, sources.cpu], ['ceiling', 'manifest'])
})

test('a default beyond the ceiling is cut without a word: nobody asked for it', () => {
  const operator = [given({ ceilings: { memoryBytes: 16 * M } })]
  const { limits, cuts, sources } = limitsFor({}, { operator })
  assert.deepEqual([limits.memoryBytes, cuts, sources.memoryBytes], [16 * M, [], 'config-ceiling'])
})

test("the operator's defaults and ceilings replace those of the profile", () => {
  const context = {
    operator: [given({ defaults: { memoryBytes: 40 * M }, ceilings: { memoryBytes: 4096 * M } })],
  }
  assert.equal(limitsFor({}, context).limits.memoryBytes, 40 * M)
  assert.equal(limitsFor({ memoryBytes: 3000 * M }, context).limits.memoryBytes, 3000 * M)
})

test('one file may be twice as large as the larger of /tmp and /data, so that their end is met before its own', () => {
  const derived = ({ limits, sources }: EffectiveLimits) => [limits.fileSizeBytes / M, sources.fileSizeBytes]
  assert.deepEqual(derived(limitsFor({})), [64, 'derived'])
  assert.deepEqual(derived(limitsFor({ dataBytes: 100 * M })), [200, 'derived'])
  assert.deepEqual(derived(limitsFor({ dataBytes: 100 * M, fileSizeBytes: 5 * M })), [5, 'manifest'])
  assert.deepEqual(derived(limitsFor({ dataBytes: 8192 * M })), [2048, 'derived'])
})

const CONFIG = {
  profile: 'production',
  defaults: { memoryBytes: 10 * M, filesMax: 111 },
  ceilings: { memoryBytes: 200 * M, processesMax: 100 },
  profiles: {
    strict: { defaults: { memoryBytes: 20 * M }, ceilings: { memoryBytes: 150 * M } },
  },
  plugins: {
    'acme/strict': { profile: 'strict', defaults: {}, ceilings: { cpu: 0.1 } },
    'acme/own': { defaults: { memoryBytes: 30 * M }, ceilings: { memoryBytes: 90 * M, cpu: undefined } },
  },
} as const

type Row = readonly [
  plugin: string,
  asked: LimitRequest,
  name: LimitName,
  value: number,
  from: string,
  profile?: 'strict',
]
const rows: readonly Row[] = [
  ['acme/any', {}, 'memoryBytes', 10 * M, 'config'],
  ['acme/any', {}, 'filesMax', 111, 'config'],
  ['acme/any', {}, 'tmpBytes', 32 * M, 'profile'],
  ['acme/any', {}, 'memoryBytes', 20 * M, 'profile-config', 'strict'],
  ['acme/any', {}, 'filesMax', 64, 'ceiling', 'strict'],
  ['acme/any', { memoryBytes: 50 * M }, 'memoryBytes', 50 * M, 'manifest'],
  ['acme/any', { memoryBytes: 500 * M }, 'memoryBytes', 200 * M, 'config-ceiling'],
  ['acme/any', { memoryBytes: 500 * M }, 'memoryBytes', 150 * M, 'profile-config-ceiling', 'strict'],
  ['acme/any', { processesMax: 500 }, 'processesMax', 100, 'config-ceiling', 'strict'],
  ['acme/strict', {}, 'memoryBytes', 20 * M, 'profile-config'],
  ['acme/strict', {}, 'cpu', 0.1, 'plugin-config-ceiling'],
  ['acme/strict', {}, 'timeoutMs', 60_000, 'profile'],
  ['acme/own', {}, 'memoryBytes', 30 * M, 'plugin-config'],
  ['acme/own', {}, 'cpu', 0.5, 'profile'],
  ['acme/own', { memoryBytes: 500 * M }, 'memoryBytes', 90 * M, 'plugin-config-ceiling'],
  ['acme/own', { memoryBytes: 500 * M }, 'memoryBytes', 90 * M, 'plugin-config-ceiling', 'strict'],
]
for (const [name, asked, limit, value, from, profile] of rows) {
  test(`${name}${profile ? ` under ${profile}` : ''} with ${JSON.stringify(asked)} has its ${limit} from ${from}`, () => {
    const plugin = { name, entry: { runtime: 'exec' }, protocol: 'stdio' } as const
    const { limits, sources } = effectiveLimits(asked, limitContextOf(CONFIG, plugin, profile))
    assert.deepEqual([limits[limit], sources[limit]], [value, from])
  })
}

test('a flag narrows, and never widens', () => {
  const asked = { timeoutMs: 10_000 }
  assert.equal(limitsFor(asked, { flags: { timeoutMs: 5_000 } }).limits.timeoutMs, 5_000)
  assert.equal(limitsFor(asked, { flags: { timeoutMs: 5_000 } }).sources.timeoutMs, 'flag')
  assert.equal(limitsFor(asked, { flags: { timeoutMs: 20_000 } }).limits.timeoutMs, 10_000)
  assert.equal(limitsFor(asked, { flags: { timeoutMs: undefined } }).limits.timeoutMs, 10_000)
})

test('a server is bounded in time and output only where manifest, operator or flag say so', () => {
  for (const protocol of PROTOCOLS.filter((name) => name !== 'stdio')) {
    const { limits, sources } = limitsFor({}, { protocol })
    assert.deepEqual([limits.outputBytes, limits.timeoutMs, limits.idleMs, limits.networkBytes], [0, 0, 0, 0])
    assert.equal(sources.timeoutMs, 'protocol')
    assert.ok(limits.memoryBytes > 0)
  }
  const server = { protocol: 'mcp' } as const
  assert.equal(limitsFor({ timeoutMs: 1_000 }, server).limits.timeoutMs, 1_000)
  assert.equal(limitsFor({}, { ...server, operator: [given({ defaults: { idleMs: 2_000 } })] }).limits.idleMs, 2_000)
  assert.equal(limitsFor({}, { ...server, flags: { timeoutMs: 3_000 } }).limits.timeoutMs, 3_000)
})

const amount = fc.integer({ min: 1, max: 2 ** 34 })
const names: readonly LimitName[] = Object.keys(limitsFor({}).limits) as LimitName[]
const request = fc.record(Object.fromEntries(names.map((name) => [name, amount])), { requiredKeys: [] })
const context = fc.record({
  runtime: fc.constantFrom(...RUNTIMES),
  protocol: fc.constantFrom(...PROTOCOLS),
  profile: fc.constantFrom(...PROFILES),
  operator: fc
    .array(
      fc.record({
        from: fc.constantFrom('plugin-config', 'profile-config', 'config'),
        ceilings: request,
        defaults: request,
      }),
    )
    .map((entries) => entries as OperatorLimits[]),
  flags: request,
})

test('nothing that is asked for passes the ceiling, except the floor of a runtime', () => {
  fc.assert(
    fc.property(request, context, (asked, given) => {
      const { limits } = effectiveLimits(asked, given)
      const widest = effectiveLimits(Object.fromEntries(names.map((name) => [name, 2 ** 50])), { ...given, flags: {} })
      const floor: LimitRequest = FLOORS[given.runtime]
      for (const name of names) {
        assert.ok(limits[name] <= Math.max(widest.limits[name], floor[name] ?? 0), name)
        const ceiling = given.operator.find((entry) => entry.ceilings[name] !== undefined)?.ceilings[name]
        if (ceiling !== undefined) assert.ok(limits[name] <= Math.max(ceiling, floor[name] ?? 0), name)
      }
    }),
  )
})

test('with flags no limit is wider than without, and no limit that was set is taken off', () => {
  fc.assert(
    fc.property(request, context, (asked, given) => {
      const without = effectiveLimits(asked, { ...given, flags: {} }).limits
      const { limits } = effectiveLimits(asked, given)
      for (const name of names) {
        if (without[name] !== 0) assert.ok(limits[name] > 0 && limits[name] <= without[name], name)
      }
    }),
  )
})
