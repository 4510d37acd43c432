import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import semver from 'semver'
import type { PluginError } from '../../src/core/errors.ts'
import { type Candidate, type Resolution, type ResolutionRequest, resolve } from '../../src/core/resolution.ts'
import { requestOf, type Situation } from './universe.ts'

const NAMES = ['acme/a', 'acme/b', 'acme/c', 'acme/d']
const VERSIONS = ['1.0.0', '1.1.0', '2.0.0']
const RANGES = ['*', '^1', '^2', '1.0.0', '>=1.1', '3.x']

const name = fc.constantFrom(...NAMES)
const needs = fc.dictionary(name, fc.constantFrom(...RANGES), { maxKeys: 2 })
const releases = fc.dictionary(fc.constantFrom(...VERSIONS), needs, { minKeys: 1, maxKeys: 3 })
const subset = fc.subarray(
  NAMES.flatMap((one) => VERSIONS.map((version) => `${one}@${version}`)),
  { maxLength: 3 },
)
const asked = fc.tuple(name, fc.constantFrom('', '', '@^1', '@^2', '@*', '=1.0.0')).map((parts) => parts.join(''))

/** Every rule of a listing is kept: nothing requires itself. */
const situation: fc.Arbitrary<Situation> = fc
  .record({
    catalog: fc.record(Object.fromEntries(NAMES.map((one) => [one, releases])), { requiredKeys: ['acme/a', 'acme/b'] }),
    wanted: fc.array(asked, { minLength: 1, maxLength: 2 }),
    installed: fc
      .subarray(NAMES)
      .chain((names) =>
        fc.tuple(...names.map((one) => fc.constantFrom(...VERSIONS).map((version) => `${one}@${version}`))),
      ),
    held: fc.subarray(NAMES, { maxLength: 1 }),
    locked: fc.oneof(
      { weight: 3, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.dictionary(name, fc.constantFrom(...VERSIONS), { maxKeys: 1 }) },
    ),
    yanked: subset,
    unusable: subset.map((which) => Object.fromEntries(which.map((one) => [one, 'it is not for here']))),
  })
  .map((made) => ({ ...made, catalog: withoutSelf(made.catalog as Situation['catalog']) }))

const withoutSelf = (catalog: Situation['catalog']): Situation['catalog'] =>
  Object.fromEntries(
    Object.entries(catalog).map(([one, versions]) => [
      one,
      Object.fromEntries(
        Object.entries(versions).map(([version, requires]) => [
          version,
          Object.fromEntries(Object.entries(requires).filter(([needed]) => needed !== one)),
        ]),
      ),
    ]),
  )

interface Choice {
  readonly version: string
  readonly requires: Readonly<Record<string, string>>
  readonly isInstalled: boolean
}
type Choices = ReadonlyMap<string, Choice>

/** The rules once more, as plainly as can be: is this a whole and allowed choice? */
function isGood(request: ResolutionRequest<Candidate>, listed: readonly Candidate[], choices: Choices): boolean {
  const here = new Map(request.installed.map((one) => [one.name as string, one]))
  const reached = new Set(request.wanted.map((one) => one.name as string))
  for (const one of reached) for (const needed of Object.keys(choices.get(one)?.requires ?? {})) reached.add(needed)
  if (reached.size !== choices.size || ![...reached].every((one) => choices.has(one))) return false

  for (const [one, { version, requires, isInstalled }] of choices) {
    const present = here.get(one)
    const locked = request.locked.get(one)
    const wishes = request.wanted.filter((wish) => wish.name === one)
    const isNamed = locked === version || wishes.some((wish) => wish.exact && wish.range === version)
    if (present?.held && !isInstalled) return false
    if (locked !== undefined && locked !== version) return false
    for (const { range, exact } of wishes) {
      if (exact ? range !== version : !(range === null && isInstalled) && !semver.satisfies(version, range ?? '*'))
        return false
    }
    if (!isInstalled) {
      const release = listed.find((candidate) => candidate.name === one && candidate.version === version)
      if (release === undefined || request.unusable(release) !== null) return false
      if (release.yanked !== null && !isNamed) return false
      const mayBeOlder = locked === version || wishes.some((wish) => wish.range !== null)
      if (present && !mayBeOlder && semver.lt(version, present.version)) return false
      for (const other of request.installed) {
        const range = other.requires[one]
        if (range !== undefined && !choices.has(other.name) && !semver.satisfies(version, range)) return false
      }
    }
    for (const [needed, range] of Object.entries(requires)) {
      if (!semver.satisfies(choices.get(needed)?.version ?? '0.0.0-none', range)) return false
    }
  }
  return [...choices.keys()].every((one) => !isReachable(choices, one))
}

function isReachable(choices: Choices, from: string): boolean {
  const seen = new Set(Object.keys(choices.get(from)?.requires ?? {}))
  for (const one of seen) for (const needed of Object.keys(choices.get(one)?.requires ?? {})) seen.add(needed)
  return seen.has(from)
}

async function allGood(request: ResolutionRequest<Candidate>): Promise<Choices[]> {
  const listed = (await Promise.all(NAMES.map((one) => request.candidates(one as never)))).flat()
  const perName = NAMES.map((one) => {
    const present = request.installed.find((other) => other.name === one)
    return [
      null,
      ...(present ? [{ version: present.version, requires: present.requires, isInstalled: true }] : []),
      ...listed
        .filter((other) => other.name === one && other.version !== present?.version)
        .map(({ version, requires }) => ({ version, requires, isInstalled: false })),
    ]
  })
  const good: Choices[] = []
  const walk = (at: number, choices: Map<string, Choice>) => {
    if (at === NAMES.length) {
      if (isGood(request, listed, choices)) good.push(new Map(choices))
      return
    }
    for (const choice of perName[at] ?? []) {
      if (choice === null) choices.delete(NAMES[at] ?? '')
      else choices.set(NAMES[at] ?? '', choice)
      walk(at + 1, choices)
    }
    choices.delete(NAMES[at] ?? '')
  }
  walk(0, new Map())
  return good
}

const KNOWN = ['DEPENDENCY_MISSING', 'DEPENDENCY_CONFLICT', 'DEPENDENCY_CYCLE']

async function attempt(request: ResolutionRequest<Candidate>): Promise<Resolution<Candidate> | PluginError> {
  return resolve(request).catch((error: PluginError) => {
    assert.ok(KNOWN.includes(error.code), error.stack)
    return error
  })
}

test('it finds a choice exactly where there is one, and what it finds keeps every rule', async () => {
  const met = { found: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(situation, async (given) => {
      const request = requestOf(given)
      const good = await allGood(request)
      const result = await attempt(request)
      if (result instanceof Error) {
        met.refused++
        assert.equal(good.length, 0, `there is ${JSON.stringify([...(good[0] ?? [])])}, and: ${result.message}`)
        return
      }
      met.found++
      const found = result.steps.map(({ name: one, version }) => `${one}@${version}`).sort()
      const all = good.map((choices) => [...choices].map(([one, { version }]) => `${one}@${version}`).sort())
      assert.ok(
        all.some((one) => one.join() === found.join()),
        `${found.join()} is none of ${all.join(' or ')}`,
      )
    }),
    { numRuns: 3_000 },
  )
  assert.ok(met.found > 300 && met.refused > 300, JSON.stringify(met))
})

test('of one that is asked for alone it finds the newest version there is a choice for', async () => {
  await fc.assert(
    fc.asyncProperty(situation, async (given) => {
      const [wanted = 'acme/a'] = given.wanted
      const request = requestOf({ ...given, wanted: [wanted] })
      const result = await attempt(request)
      if (result instanceof Error) return
      const name = request.wanted[0]?.name ?? ''
      const versions = (await allGood(request)).map((choices) => choices.get(name)?.version ?? '')
      assert.equal(result.steps.find((step) => step.name === name)?.version, versions.sort(semver.rcompare)[0])
    }),
    { numRuns: 1_000 },
  )
})

test('the order of what is given changes neither the answer nor the refusal', async () => {
  const turned = <T>(values: readonly T[]): T[] => [...values].reverse()
  const turnedKeys = <T>(record: Readonly<Record<string, T>>) => Object.fromEntries(turned(Object.entries(record)))
  await fc.assert(
    fc.asyncProperty(situation, async (given) => {
      const catalog = Object.fromEntries(
        turned(Object.entries(given.catalog)).map(([one, versions]) => [
          one,
          turnedKeys(
            Object.fromEntries(Object.entries(versions).map(([version, requires]) => [version, turnedKeys(requires)])),
          ),
        ]),
      )
      const other = {
        ...given,
        catalog,
        wanted: turned(given.wanted),
        installed: turned(given.installed ?? []),
        locked: turnedKeys(given.locked ?? {}),
      }
      const [a, b] = await Promise.all([attempt(requestOf(given)), attempt(requestOf(other))])
      assert.deepEqual(told(a), told(b))
    }),
    { numRuns: 1_000 },
  )
})

const told = (result: Resolution<Candidate> | PluginError): unknown =>
  result instanceof Error
    ? [result.code, result.message, result.hint, result.details]
    : result.steps.map(({ candidate, ...step }) => [step, candidate === null])

test('two that are in the way are told in one order, whichever came first', async () => {
  const catalog = {
    'acme/a': { '1.0.0': {}, '2.0.0': {}, '2.1.0': {} },
    'acme/b': { '1.0.0': { 'acme/a': '1.0.0 || 2.0.0' } },
    'acme/c': { '1.0.0': { 'acme/a': '1.0.0 || 2.1.0' } },
  }
  const installed = ['acme/a@1.0.0', 'acme/b@1.0.0', 'acme/c@1.0.0']
  const given = (order: readonly string[]) => ({ catalog, wanted: ['acme/a@^2'], installed: order })
  const [a, b] = await Promise.all([installed, [...installed].reverse()].map((one) => attempt(requestOf(given(one)))))
  assert.ok(a instanceof Error && /acme\/b 1\.0\.0.*acme\/c 1\.0\.0/.test(a.message), `${a}`)
  assert.deepEqual(told(a), told(b as PluginError))
})

test('what is held is never touched, and nothing that is not needed appears', async () => {
  await fc.assert(
    fc.asyncProperty(situation, async (given) => {
      const request = requestOf(given)
      const result = await attempt(request)
      if (result instanceof Error) return
      const needed = new Set(request.wanted.map((one) => one.name as string))
      for (const step of [...result.steps].reverse()) {
        assert.ok(needed.has(step.name), `${step.name} is not needed`)
        const present = request.installed.find((one) => one.name === step.name)
        if (present?.held) assert.equal(step.action, 'keep')
        const requires = step.candidate?.requires ?? present?.requires ?? {}
        for (const one of Object.keys(requires)) needed.add(one)
      }
    }),
    { numRuns: 1_000 },
  )
})
