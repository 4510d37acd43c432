import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type EffectiveLimits,
  effectiveLimits,
  type LimitContext,
  type LimitName,
  type LimitRequest,
  PROFILES,
} from '../../src/core/limits.ts'
import { FLOORS, PROTOCOLS, RUNTIMES } from '../../src/core/runtimes.ts'

const M = 2 ** 20
const limitsFor = (asked: LimitRequest, context: Partial<LimitContext> = {}): EffectiveLimits =>
  effectiveLimits(asked, { runtime: 'exec', protocol: 'stdio', profile: 'production', ...context })

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
  const ceilings = { memoryBytes: 8 * M, processesMax: 1, filesMax: 1 }
  assert.deepEqual(
    RUNTIMES.map((runtime) => limitsFor({}, { runtime, ceilings }).limits.memoryBytes),
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
  const { limits, cuts, sources } = limitsFor({}, { ceilings: { memoryBytes: 16 * M } })
  assert.deepEqual([limits.memoryBytes, cuts, sources.memoryBytes], [16 * M, [], 'ceiling'])
})

test("the operator's defaults and ceilings replace those of the profile", () => {
  const context = { defaults: { memoryBytes: 40 * M }, ceilings: { memoryBytes: 4096 * M } }
  assert.equal(limitsFor({}, context).limits.memoryBytes, 40 * M)
  assert.equal(limitsFor({ memoryBytes: 3000 * M }, context).limits.memoryBytes, 3000 * M)
})

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
    assert.deepEqual([limits.outputBytes, limits.timeoutMs, limits.idleMs], [0, 0, 0])
    assert.equal(sources.timeoutMs, 'protocol')
    assert.ok(limits.memoryBytes > 0)
  }
  const server = { protocol: 'mcp' } as const
  assert.equal(limitsFor({ timeoutMs: 1_000 }, server).limits.timeoutMs, 1_000)
  assert.equal(limitsFor({}, { ...server, defaults: { idleMs: 2_000 } }).limits.idleMs, 2_000)
  assert.equal(limitsFor({}, { ...server, flags: { timeoutMs: 3_000 } }).limits.timeoutMs, 3_000)
})

const amount = fc.integer({ min: 1, max: 2 ** 34 })
const names: readonly LimitName[] = Object.keys(limitsFor({}).limits) as LimitName[]
const request = fc.record(Object.fromEntries(names.map((name) => [name, amount])), { requiredKeys: [] })
const context = fc.record({
  runtime: fc.constantFrom(...RUNTIMES),
  protocol: fc.constantFrom(...PROTOCOLS),
  profile: fc.constantFrom(...PROFILES),
  ceilings: request,
  defaults: request,
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
        const ceiling = given.ceilings[name]
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
