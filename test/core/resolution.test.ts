import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolve } from '../../src/core/resolution.ts'
import { requestOf, resolved, type Situation } from './universe.ts'

const refused = async (situation: Situation, code: string, ...parts: readonly RegExp[]) => {
  const error = await resolved(situation).then(
    (steps) => assert.fail(`it found ${steps.join(', ')}`),
    (fault: { code: string; message: string; hint?: string }) => fault,
  )
  assert.equal(error.code, code, error.message)
  assert.match(error.message, /^cannot /)
  for (const part of parts) assert.match(`${error.message}\nhint: ${error.hint}`, part)
}

const CATALOG = {
  'acme/app': { '1.0.0': { 'acme/lib': '^1' }, '2.0.0': { 'acme/lib': '^2' } },
  'acme/lib': { '1.0.0': {}, '1.5.0': {}, '2.0.0': { 'acme/base': '*' }, '2.1.0-rc.1': {} },
  'acme/base': { '1.0.0': {}, '1.1.0': {} },
  'acme/other': { '1.0.0': { 'acme/lib': '^1' } },
}

test('the newest of everything that is needed is chosen, and what is needed comes first', async () => {
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/app'] }), [
    'install acme/base 1.1.0',
    'install acme/lib 2.0.0',
    'install acme/app 2.0.0',
  ])
})

test('an older one is chosen where the newest does not go together with the rest', async () => {
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/app', 'acme/other'] }), [
    'install acme/lib 1.5.0',
    'install acme/app 1.0.0',
    'install acme/other 1.0.0',
  ])
})

test('a version before a release is chosen only by a range that names it', async () => {
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/lib@>=2.1.0-rc.0'] }), [
    'install acme/lib 2.1.0-rc.1',
  ])
  const only = { 'acme/a': { '1.0.0-beta': {} } }
  await refused({ catalog: only, wanted: ['acme/a'] }, 'DEPENDENCY_MISSING', /1\.0\.0-beta: it is a version before/)
})

test('an installed plugin that is good enough is left as it is', async () => {
  const installed = ['acme/base@1.0.0']
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/lib@2.0.0'], installed }), [
    'keep acme/base 1.0.0',
    'install acme/lib 2.0.0',
  ])
})

test('one that is asked for by name is made newer, and what it needs with it', async () => {
  const installed = ['acme/app@1.0.0', 'acme/lib@1.0.0']
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/app'], installed }), [
    'install acme/base 1.1.0',
    'update acme/lib 2.0.0',
    'update acme/app 2.0.0',
  ])
})

test('without a range the installed one is never made older', async () => {
  const present = [{ name: 'acme/base' as never, version: '3.0.0', requires: {}, held: false }]
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/base'], present }), ['keep acme/base 3.0.0'])
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/base@^1'], present }), [
    'downgrade acme/base 1.1.0',
  ])
})

test('no manifest makes another plugin older: that takes its name', async () => {
  const installed = ['acme/lib@2.0.0', 'acme/base@1.0.0']
  await refused(
    { catalog: CATALOG, wanted: ['acme/other'], installed },
    'DEPENDENCY_CONFLICT',
    /acme\/other 1\.0\.0 needs acme\/lib \^1, and 2\.0\.0 is installed, which no other plugin makes older/,
    /hint: plugins update acme\/lib --to 1\.5\.0 --allow-downgrade/,
  )
})

test('an update that an installed plugin could not live with is not chosen', async () => {
  const catalog = { ...CATALOG, 'acme/other': { '1.0.0': { 'acme/lib': '^1.0.0' } } }
  const installed = ['acme/lib@1.0.0', 'acme/other@1.0.0']
  assert.deepEqual(await resolved({ catalog, wanted: ['acme/lib'], installed }), ['update acme/lib 1.5.0'])
  await refused(
    { catalog, wanted: ['acme/lib@^2'], installed },
    'DEPENDENCY_CONFLICT',
    /^cannot get acme\/lib@\^2: acme\/other 1\.0\.0, which is installed, needs acme\/lib \^1\.0\.0/,
  )
})

test('two that are asked for together may go over to what neither could go over to alone', async () => {
  const catalog = {
    'acme/lib': { '1.0.0': {}, '2.0.0': {} },
    'acme/zed': { '1.0.0': { 'acme/lib': '^1' }, '2.0.0': { 'acme/lib': '^2' } },
  }
  const installed = ['acme/lib@1.0.0', 'acme/zed@1.0.0']
  assert.deepEqual(await resolved({ catalog, wanted: ['acme/zed', 'acme/lib'], installed }), [
    'update acme/lib 2.0.0',
    'update acme/zed 2.0.0',
  ])
})

test('an installed plugin that comes to be needed in another version no longer stands in the way', async () => {
  const catalog = {
    'acme/app': { '1.0.0': { 'acme/base': '^2', 'acme/zed': '^2' } },
    'acme/base': { '1.0.0': {}, '2.0.0': {} },
    'acme/zed': { '1.0.0': { 'acme/base': '^1' }, '2.0.0': { 'acme/base': '^2' } },
  }
  assert.deepEqual(
    await resolved({ catalog, wanted: ['acme/app'], installed: ['acme/base@1.0.0', 'acme/zed@1.0.0'] }),
    ['update acme/base 2.0.0', 'update acme/zed 2.0.0', 'install acme/app 1.0.0'],
  )
})

test('what is held stays, and is named as the cause', async () => {
  const situation = { catalog: CATALOG, installed: ['acme/lib@1.0.0'], held: ['acme/lib'] }
  assert.deepEqual(await resolved({ ...situation, wanted: ['acme/lib'] }), ['keep acme/lib 1.0.0'])
  assert.deepEqual(await resolved({ ...situation, wanted: ['acme/app'] }), [
    'keep acme/lib 1.0.0',
    'install acme/app 1.0.0',
  ])
  await refused(
    { ...situation, wanted: ['acme/app@^2'] },
    'DEPENDENCY_CONFLICT',
    /acme\/app 2\.0\.0 needs acme\/lib \^2, and acme\/lib is held at 1\.0\.0/,
    /hint: plugins unhold acme\/lib/,
  )
})

test('what is locked is that version and no other, whatever is installed', async () => {
  const locked = { 'acme/lib': '1.0.0' }
  assert.deepEqual(await resolved({ catalog: CATALOG, wanted: ['acme/app'], locked, installed: ['acme/lib@1.5.0'] }), [
    'downgrade acme/lib 1.0.0',
    'install acme/app 1.0.0',
  ])
  await refused(
    { catalog: CATALOG, wanted: ['acme/app@2'], locked },
    'DEPENDENCY_CONFLICT',
    /acme\/app 2\.0\.0 needs acme\/lib \^2, and the lock file has acme\/lib 1\.0\.0/,
    /hint: plugins sync --write/,
  )
  await refused(
    { catalog: CATALOG, wanted: ['acme/lib'], locked: { 'acme/lib': '9.0.0' } },
    'DEPENDENCY_MISSING',
    /the lock file has acme\/lib 9\.0\.0, which no registry lists; there are 2\.1\.0-rc\.1, 2\.0\.0, 1\.5\.0, 1\.0\.0/,
  )
})

test('what was yanked is taken only when it is named exactly, locked, or here already', async () => {
  const yanked = ['acme/base@1.1.0']
  const catalog = CATALOG
  assert.deepEqual(await resolved({ catalog, yanked, wanted: ['acme/base'] }), ['install acme/base 1.0.0'])
  assert.deepEqual(await resolved({ catalog, yanked, wanted: ['acme/base=1.1.0'] }), ['install acme/base 1.1.0'])
  assert.deepEqual(await resolved({ catalog, yanked, wanted: ['acme/base'], locked: { 'acme/base': '1.1.0' } }), [
    'install acme/base 1.1.0',
  ])
  assert.deepEqual(await resolved({ catalog, yanked, wanted: ['acme/base'], installed: ['acme/base@1.1.0'] }), [
    'keep acme/base 1.1.0',
  ])
  await refused(
    { catalog, yanked, wanted: ['acme/base@>=1.1'] },
    'DEPENDENCY_MISSING',
    /no version can be taken \(1\.1\.0: it was yanked: a bug\); besides there is 1\.0\.0/,
  )
})

test('what cannot be used here is passed over, and named where nothing is left', async () => {
  const unusable = { 'acme/lib@2.0.0': 'it is for linux/arm64' }
  assert.deepEqual(await resolved({ catalog: CATALOG, unusable, wanted: ['acme/app'] }), [
    'install acme/lib 1.5.0',
    'install acme/app 1.0.0',
  ])
  await refused(
    { catalog: CATALOG, unusable, wanted: ['acme/app@2'] },
    'DEPENDENCY_MISSING',
    /acme\/app 2\.0\.0 needs acme\/lib \^2, and no version can be taken \(2\.0\.0: it is for linux\/arm64\)/,
  )
})

test('what nobody lists is told with the chain that leads to it', async () => {
  const catalog = {
    'acme/app': { '1.0.0': { 'acme/lib': '*' } },
    'acme/lib': { '1.0.0': { 'acme/gone': '^3' } },
  }
  await refused(
    { catalog, wanted: ['acme/app'] },
    'DEPENDENCY_MISSING',
    /^cannot get acme\/app: no registry lists acme\/gone, which acme\/app 1\.0\.0 → acme\/lib 1\.0\.0 needs \(\^3\)/,
  )
  await refused({ catalog, wanted: ['acme/none'] }, 'DEPENDENCY_MISSING', /^cannot get acme\/none: no registry lists/)
})

test('both sides of a conflict are told, each with its chain, and what there is', async () => {
  const catalog = {
    'acme/app': { '1.0.0': { 'acme/left': '*', 'acme/right': '*' } },
    'acme/left': { '1.0.0': { 'acme/lib': '^1' } },
    'acme/right': { '1.0.0': { 'acme/lib': '^2' } },
    'acme/lib': { '1.0.0': {}, '2.0.0': {} },
  }
  await refused(
    { catalog, wanted: ['acme/app'] },
    'DEPENDENCY_CONFLICT',
    /\^1 for acme\/app 1\.0\.0 → acme\/left 1\.0\.0, and \^2 for acme\/app 1\.0\.0 → acme\/right 1\.0\.0/,
    /no version is in all of these; there are 2\.0\.0, 1\.0\.0/,
  )
})

test('a cycle is refused and shown, and another version without one is taken instead', async () => {
  const catalog = {
    'acme/x': { '1.0.0': { 'acme/y': '*' } },
    'acme/y': { '2.0.0': { 'acme/x': '*' } },
  }
  await refused(
    { catalog, wanted: ['acme/x'] },
    'DEPENDENCY_CYCLE',
    /these need each other in a circle: acme\/x 1\.0\.0 → acme\/y 2\.0\.0 → acme\/x/,
  )
  const open = { ...catalog, 'acme/y': { ...catalog['acme/y'], '1.0.0': {} } }
  assert.deepEqual(await resolved({ catalog: open, wanted: ['acme/x'] }), [
    'install acme/y 1.0.0',
    'install acme/x 1.0.0',
  ])
})

test('a listing that breaks the rules of a manifest is passed over', async () => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`acme/n${at}`, '*']))
  const catalog = {
    'acme/a': { '1.0.0': {}, '2.0.0': { 'acme/b': 'newest' }, '3.0.0': { 'acme/a': '*' }, '4.0.0': many },
  }
  const { steps } = await resolve(requestOf({ catalog, wanted: ['acme/a'] }))
  assert.deepEqual(
    steps.map(({ version, passedOver }) => [version, passedOver.map(({ reason }) => reason)]),
    [
      [
        '1.0.0',
        [
          'it requires 65 plugins, more than 64',
          'it requires itself',
          'it requires acme/b "newest", which is no range of versions',
        ],
      ],
    ],
  )
})

test('each step says where it comes from, what leads to it and which newer versions it passed over', async () => {
  const unusable = { 'acme/base@1.1.0': 'it is 2 days old' }
  const { steps } = await resolve(
    requestOf({ catalog: CATALOG, unusable, wanted: ['acme/app'], installed: ['acme/lib@1.0.0'] }),
  )
  const [base] = steps
  assert.deepEqual(base?.passedOver, [{ version: '1.1.0', reason: 'it is 2 days old' }])
  assert.deepEqual(base?.neededBy, [
    { name: 'acme/app', version: '2.0.0', range: '^2' },
    { name: 'acme/lib', version: '2.0.0', range: '*' },
  ])
  assert.deepEqual(
    steps.map(({ from }) => from),
    [null, '1.0.0', null],
  )
})

test('a conflict deep down does not make it go through everything in between', async () => {
  const versions = (needs: Readonly<Record<string, string>>) =>
    Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`1.${at}.0`, needs]))
  const between = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`acme/m${at}`, versions({})]))
  const catalog = {
    ...between,
    'acme/app': {
      '1.0.0': { 'acme/a': '*', 'acme/b': '*', ...Object.fromEntries(Object.keys(between).map((n) => [n, '*'])) },
    },
    'acme/a': versions({ 'acme/z': '^1' }),
    'acme/b': versions({ 'acme/z': '^2' }),
    'acme/z': { '1.0.0': {}, '2.0.0': {} },
  }
  await refused({ catalog, wanted: ['acme/app'] }, 'DEPENDENCY_CONFLICT', /acme\/z/)
})

test('a search without end is given up and says so', async () => {
  // Pigeons and holes: each of nine needs one of eight places, and no two the same; every choice must be tried.
  const pigeons = Array.from({ length: 9 }, (_, at) => `acme/p${at}`)
  const holes = Array.from({ length: 8 }, (_, at) => at)
  const catalog: Record<string, Record<string, Record<string, string>>> = {
    'acme/app': { '1.0.0': Object.fromEntries(pigeons.map((name) => [name, '*'])) },
  }
  for (const [at, name] of pigeons.entries()) {
    catalog[name] = Object.fromEntries(holes.map((hole) => [`1.${hole}.0`, { [`acme/h${hole}`]: `1.${at}.0` }]))
  }
  for (const hole of holes) catalog[`acme/h${hole}`] = Object.fromEntries(pigeons.map((_, at) => [`1.${at}.0`, {}]))
  await refused({ catalog, wanted: ['acme/app'] }, 'DEPENDENCY_UNDECIDED', /^cannot choose versions for acme\/app: /)
})
