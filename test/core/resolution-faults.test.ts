// What is read by whoever asked for what cannot be had: what that was, the way to the trouble, what is in the way, what to do.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PluginError } from '../../src/core/errors.ts'
import { resolve } from '../../src/core/resolution.ts'
import { requestOf, type Situation } from './universe.ts'

const BASE = { '1.0.0': {}, '1.1.0': {}, '2.0.0': {} }

async function told(situation: Situation): Promise<{ text: string; faults: readonly string[] }> {
  const error = await resolve(requestOf(situation)).then(
    () => assert.fail('something goes together'),
    (thrown: PluginError) => thrown,
  )
  return { text: `${error.message}\n${error.hint}`, faults: (error.details.faults ?? []) as string[] }
}

const CASES: readonly (readonly [title: string, situation: Situation, message: string, hint: string])[] = [
  [
    'what is asked for beside what needs another version of it',
    {
      catalog: { 'acme/base': BASE, 'acme/app': { '1.0.0': { 'acme/base': '^2' } } },
      wanted: ['acme/app', 'acme/base@^1'],
      installed: ['acme/base@2.0.0'],
    },
    'cannot get acme/app, acme/base@^1: acme/base must be ^1, as was asked for, and ^2 for acme/app 1.0.0, and no version is in all of these; there are 2.0.0 (installed), 1.1.0, 1.0.0',
    'see what there is, and ask for other ranges: plugins info acme/base --versions, plugins info acme/app --versions',
  ],
  [
    'what would make an installed plugin older',
    {
      catalog: { 'acme/base': BASE, 'acme/app': { '1.0.0': { 'acme/base': '^1' } } },
      wanted: ['acme/app'],
      installed: ['acme/base@2.0.0'],
    },
    'cannot get acme/app: acme/app 1.0.0 needs acme/base ^1, and 2.0.0 is installed, which no other plugin makes older',
    'plugins update acme/base --to 1.1.0 --allow-downgrade, if nothing else needs it newer',
  ],
  [
    'what would make an installed plugin older, and would not help either',
    {
      catalog: {
        'acme/base': BASE,
        'acme/left': { '1.0.0': { 'acme/base': '^1' } },
        'acme/app': { '1.0.0': { 'acme/base': '^2', 'acme/left': '*' } },
      },
      wanted: ['acme/app'],
      installed: ['acme/base@2.0.0'],
    },
    'cannot get acme/app: acme/app 1.0.0 needs acme/left *, and no version can be taken (1.0.0: it needs acme/base ^1, not 2.0.0, and acme/app 1.0.0 needs ^2)',
    'plugins info acme/left --versions',
  ],
  [
    'two sides below what is asked for',
    {
      catalog: {
        'acme/base': BASE,
        'acme/left': { '1.0.0': { 'acme/base': '^1' } },
        'acme/right': { '1.0.0': { 'acme/base': '^2' } },
        'acme/app': { '1.0.0': { 'acme/left': '*', 'acme/right': '*' } },
      },
      wanted: ['acme/app'],
    },
    'cannot get acme/app: acme/base must be ^1 for acme/app 1.0.0 → acme/left 1.0.0, and ^2 for acme/app 1.0.0 → acme/right 1.0.0, and no version is in all of these; there are 2.0.0, 1.1.0, 1.0.0',
    'see what there is, and ask for other ranges: plugins info acme/app --versions',
  ],
  [
    'what an installed plugin could not live with',
    {
      catalog: {
        'acme/base': BASE,
        'acme/app': { '1.0.0': { 'acme/base': '^2' } },
        'acme/old': { '1.0.0': { 'acme/base': '^1' } },
      },
      wanted: ['acme/app'],
      installed: ['acme/base@1.0.0', 'acme/old@1.0.0'],
    },
    'cannot get acme/app: acme/app 1.0.0 needs acme/base ^2, and acme/old 1.0.0, which is installed, needs acme/base ^1',
    'another version of acme/old may go with it: plugins install acme/app acme/old; or plugins remove acme/old',
  ],
  [
    'the same of what is asked for itself',
    {
      catalog: { 'acme/base': BASE, 'acme/old': { '1.0.0': { 'acme/base': '^1' } } },
      wanted: ['acme/base@^2'],
      installed: ['acme/base@1.0.0', 'acme/old@1.0.0'],
    },
    'cannot get acme/base@^2: acme/old 1.0.0, which is installed, needs acme/base ^1',
    "another version of acme/old may go with it: plugins install 'acme/base@^2' acme/old; or plugins remove acme/old",
  ],
  [
    'a range in which there is nothing',
    { catalog: { 'acme/base': BASE }, wanted: ['acme/base@^3'], installed: ['acme/base@1.0.0'] },
    'cannot get acme/base@^3: there is no such version; there are 2.0.0, 1.1.0, 1.0.0 (installed)',
    'plugins info acme/base --versions',
  ],
  [
    'a range of another plugin in which there is nothing',
    { catalog: { 'acme/base': BASE, 'acme/app': { '1.0.0': { 'acme/base': '^3' } } }, wanted: ['acme/app'] },
    'cannot get acme/app: acme/app 1.0.0 needs acme/base ^3, and there is no such version; there are 2.0.0, 1.1.0, 1.0.0',
    'plugins info acme/base --versions',
  ],
  [
    'what does not run here',
    {
      catalog: { 'acme/base': BASE, 'acme/app': { '1.0.0': { 'acme/base': '^2' } } },
      wanted: ['acme/app'],
      unusable: { 'acme/base@2.0.0': 'it needs node >=40, this host has 24.0.0' },
    },
    'cannot get acme/app: acme/app 1.0.0 needs acme/base ^2, and no version can be taken (2.0.0: it needs node >=40, this host has 24.0.0); besides there are 1.1.0, 1.0.0',
    'plugins info acme/base --versions',
  ],
  [
    'what was yanked',
    { catalog: { 'acme/base': { '1.0.0': {} } }, wanted: ['acme/base'], yanked: ['acme/base@1.0.0'] },
    'cannot get acme/base: no version can be taken (1.0.0: it was yanked: a bug)',
    'plugins install acme/base@1.0.0 takes exactly that version',
  ],
  [
    'what is held',
    {
      catalog: { 'acme/base': BASE, 'acme/app': { '1.0.0': { 'acme/base': '^2' } } },
      wanted: ['acme/app'],
      installed: ['acme/base@1.0.0'],
      held: ['acme/base'],
    },
    'cannot get acme/app: acme/app 1.0.0 needs acme/base ^2, and acme/base is held at 1.0.0',
    'plugins unhold acme/base',
  ],
  [
    'what is held, by its own name',
    {
      catalog: { 'acme/base': BASE },
      wanted: ['acme/base=2.0.0'],
      installed: ['acme/base@1.0.0'],
      held: ['acme/base'],
    },
    'cannot get acme/base@2.0.0: it is held at 1.0.0',
    'plugins unhold acme/base',
  ],
  [
    'two that need each other',
    {
      catalog: { 'acme/a': { '1.0.0': { 'acme/b': '*' } }, 'acme/b': { '1.0.0': { 'acme/a': '*' } } },
      wanted: ['acme/a'],
    },
    'cannot get acme/a: these need each other in a circle: acme/a 1.0.0 → acme/b 1.0.0 → acme/a',
    'only their publishers can break it',
  ],
  [
    'what nobody lists',
    { catalog: { 'acme/app': { '1.0.0': { 'acme/gone': '^1' } } }, wanted: ['acme/app'] },
    'cannot get acme/app: no registry lists acme/gone, which acme/app 1.0.0 needs (^1)',
    'add a registry that has it (plugins registry add), or install its tarball first',
  ],
]

for (const [title, situation, message, hint] of CASES) {
  test(`${title}: it is said once, and what can be done`, async () => {
    const { text, faults } = await told(situation)
    assert.equal(text, `${message}\n${hint}`)
    assert.deepEqual(faults, [message.replace('cannot get ', '')], 'what only follows from it is no fault of its own')
  })
}

test('other troubles than the first are told beside it', async () => {
  const { faults } = await told({
    catalog: { 'acme/app': { '2.0.0': { 'acme/gone': '*' }, '1.0.0': { 'acme/lost': '*' } } },
    wanted: ['acme/app'],
  })
  assert.deepEqual(faults, [
    'acme/app: no registry lists acme/gone, which acme/app 2.0.0 needs (*)',
    'acme/lost: no registry lists acme/lost, which acme/app 1.0.0 needs (*)',
  ])
})
