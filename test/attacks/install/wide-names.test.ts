// A publisher asks for names that cover the world, or that say one thing to a reader and another to a resolver.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifest } from '../../../src/core/manifest-parser.ts'
import { tryout } from '../../runtime/network/outside.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const manifest = (entry: string) =>
  parseManifest(
    Buffer.from(
      JSON.stringify({
        name: 'acme/wide',
        version: '1.0.0',
        entry: { runtime: 'exec', path: 'x' },
        permissions: { network: [entry] },
      }),
    ),
  )

const TOO_WIDE = ['*.com:443', '*.localhost:443', '*.internal:80', '*.xn--p1ai:443']
const NO_NAMES = [
  ...['*:443', '*.*.example.com:443', 'a.*.example.com:443', '*example.com:443', '**.example.com:443'],
  ...['0x7f.1:80', '0x7f000001:80', '2130706433:80', '127.1:80', '0177.0.0.1:80', '*.10.0.0.1:80', '*.0x7f.1:80'],
  ...['api.example.com:0', 'api.example.com:65536', 'api.example.com:00443', 'api.example.com', 'api.example.com:'],
  ...[
    'API.example.com:443',
    'api.example.com.:443',
    'api..example.com:443',
    '-a.example.com:443',
    'a-.example.com:443',
  ],
  ...['under_score.example.com:443', 'bücher.example:443', 'a.example\u0000:443', 'a.example:443 ', ' a.example:443'],
  ...['[::1]:443', '[fe80::1%eth0]:443', '::1:443', 'a@b.example:443', 'https://a.example:443', 'a.example:https'],
]

for (const entry of [...TOO_WIDE, ...NO_NAMES])
  test(`a manifest cannot ask for ${JSON.stringify(entry)}`, () => {
    assert.throws(() => manifest(entry), { code: 'MANIFEST_INVALID' })
  })

test('what covers all of a top-level domain is told apart from what is no name', () => {
  assert.throws(() => manifest('*.com:443'), { message: /covers a whole top-level domain/ })
  for (const good of [
    '*.example.com:443',
    'localhost:443',
    'com:443',
    'a.b:65535',
    '192.0.2.7:1',
    'xn--bcher-kva.example:443',
  ])
    assert.deepEqual(manifest(good).permissions.network, [good])
})

// The launcher reads the list again, and takes no line that a manifest could not have had, but for those the host adds.
for (const entry of [...TOO_WIDE, ...NO_NAMES.filter((one) => !['*:443', '[::1]:443', '*\u0000'].includes(one))]) {
  // The launcher knows names with an underscore, which hosts have below a `*.` entry.
  if (entry.includes('_') || entry.includes('\u0000')) continue
  test(`nor does the launcher take ${JSON.stringify(entry)}`, { skip }, async () => {
    const { result } = await tryout({ allow: [entry] }, [])
    assert.equal(result.status, 125, result.report)
    assert.match(result.report, /SPEC_INVALID/)
  })
}
