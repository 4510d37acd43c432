import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertPlatform } from '../../src/runtime/platform.ts'
import { manifestOf } from './plan/house.ts'
import { NODE, OWN } from './plan/input.ts'

const check = (manifest: object, interpreter: typeof NODE | typeof OWN = NODE, arch = 'x64') =>
  assertPlatform(manifestOf({ entry: { runtime: 'node', path: 'm.js' }, ...manifest }), interpreter, arch)
const refused = { code: 'PLATFORM_UNSUPPORTED' }
const unsupported = { code: 'ENGINE_UNSUPPORTED' }

test('a manifest without platforms runs anywhere', async () => {
  await check({}, NODE, 'arm64')
})

test('platforms are those of the manifest alone', async () => {
  await check({ platforms: ['linux/amd64'] })
  await assert.rejects(check({ platforms: ['linux/arm64'] }), { ...refused, message: /linux\/arm64, not linux\/amd64/ })
})

const ranges: [range: string, fits: boolean][] = [
  ['>=22', true],
  ['>= 24.1', true],
  ['>=24.1.0', true],
  ['>=24.1.1', false],
  ['>=25', false],
  ['^24', true],
  ['22 || 24', true],
  ['<24', false],
  ['<24.1 || >24.1.0', false],
]
for (const [range, fits] of ranges) {
  test(`Node 24.1.0 ${fits ? 'fits' : 'does not fit'} ${range}`, async () => {
    const checked = check({ engines: { node: range } })
    if (fits) await checked
    else await assert.rejects(checked, { ...unsupported, message: /it needs Node .*, this is 24\.1\.0/ })
  })
}

test('a version of an interpreter that the plugin does not run on is not asked for', async () => {
  await check({ engines: { node: '>=99', python: '>=99' } }, OWN)
})

test('a plugin for a later Bulkhead is refused', async () => {
  await check({ engines: { bulkhead: '>=1' } })
  await assert.rejects(check({ engines: { bulkhead: '>=2' } }), unsupported)
})
