import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { nodes } from '../../../src/cli/completion/tree.ts'
import { likelyNames } from '../../../src/index.ts'
import { onPath } from '../../helpers/on-path.ts'
import { CompletingShell, SHELLS } from './shells.ts'

let folder = ''
let home = ''
let other = ''

/** A home in which a release of each of these has its files. */
function homeWith(...names: readonly string[]): string {
  const made = mkdtempSync(join(folder, 'home-'))
  for (const name of names) mkdirSync(join(made, 'plugins', name, '1.0.0-0123456789ab'), { recursive: true })
  return made
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-completion-'))
  home = homeWith('acme/hello', 'acme/weather', 'beta/hello')
  other = homeWith('other/one')
  mkdirSync(join(folder, 'here', 'xfolder'), { recursive: true })
  for (const file of ['x.tgz', 'x.tar.gz', 'x.txt']) writeFileSync(join(folder, 'here', file), '')
})
after(() => rmSync(folder, { recursive: true, force: true }))

const cases = (): readonly (readonly [words: readonly string[], proposed: readonly string[]])[] => [
  [['ins'], ['install']],
  [
    ['trust', 're'],
    ['remove', 'revoke'],
  ],
  [
    ['trust', 'root', ''],
    ['add', 'list', 'remove'],
  ],
  [['nonsense', ''], []],
  [['install', '--allow-un'], ['--allow-unsigned']],
  [['--quiet', 'install', '--ye'], ['--yes']],
  [
    ['run', '--profile', ''],
    ['development', 'production', 'strict'],
  ],
  [['install', '--until', ''], []],
  [
    ['info', 'acme/'],
    ['acme/hello', 'acme/weather'],
  ],
  [['info', 'beta/hello', ''], []],
  [['ls', '--js'], ['--json']],
  [['run', '--timeout', '5s', 'b'], ['beta/hello']],
  [['--home', other, 'info', ''], ['other/one']],
  [['--home', '/nowhere', 'info', ''], []],
  [
    ['completion', ''],
    ['bash', 'fish', 'zsh'],
  ],
  [['help', 'exit'], ['exit-codes']],
]

for (const shell of SHELLS) {
  const skip = onPath(shell)

  test(`${shell} completes commands, options, their values, and the names of plugins`, { skip }, () => {
    const asking = new CompletingShell(shell, join(folder, 'here'), home)
    const all = cases()
    const found = asking.propose(all.map(([words]) => words))
    for (const [at, [words, proposed]] of all.entries()) assert.deepEqual(found[at], proposed, words.join(' '))
  })

  test(`${shell} completes files: tarballs, folders, and any of them`, { skip }, () => {
    const asking = new CompletingShell(shell, join(folder, 'here'), home)
    const [tarballs = [], folders, any = [], ended = []] = asking.propose([
      ['install', 'x'],
      ['pack', 'x'],
      ['sign', 'x.tgz', '--key', 'x'],
      ['run', 'acme/hello', '--', 'x'],
    ])
    const isFish = shell === 'fish' // shows other files too, below
    assert.ok(tarballs.includes('x.tgz') && tarballs.includes('xfolder'), `${tarballs}`)
    assert.equal(tarballs.includes('x.txt'), isFish)
    assert.deepEqual(folders, ['xfolder'])
    for (const found of [any, ended]) assert.deepEqual(found, ['x.tar.gz', 'x.tgz', 'x.txt', 'xfolder'])
  })

  test(`${shell} knows every option of every command, and no other`, { skip }, () => {
    const asking = new CompletingShell(shell, join(folder, 'here'), home)
    const places = nodes()
    const found = asking.propose(places.map(({ path }) => [...path.split('/').filter((word) => word !== ''), '--']))
    places.forEach(({ path, flags }, at) => {
      assert.deepEqual(found[at], [...new Set(flags.map(({ word }) => word))].sort(), path)
    })
  })
}

test('bash completes --flag=value, which it reads as three words', { skip: onPath('bash') }, () => {
  const asking = new CompletingShell('bash', join(folder, 'here'), home)
  const [empty, begun, later] = asking.propose([
    ['run', '--profile', '='],
    ['run', '--profile', '=', 'st'],
    ['run', '--profile', '=', 'strict', 'beta'],
  ])
  assert.deepEqual([empty, begun, later], [['development', 'production', 'strict'], ['strict'], ['beta/hello']])
})

test('names are proposed without a home too: none, and nothing is made', async () => {
  const nowhere = join(folder, 'nowhere')
  const asking = new CompletingShell('bash', join(folder, 'here'), nowhere)
  assert.deepEqual(asking.propose([['info', '']]), [[]])
  assert.ok(!readdirSync(folder).includes('nowhere'))
})

test('what is no name of a plugin is never proposed, whatever lies in the home', async () => {
  const odd = homeWith('acme/hello', 'acme/$(reboot)', 'a b/c', 'acme/UPPER', '-x/y', 'acme/\u001b[2J')
  mkdirSync(join(odd, 'plugins', 'acme', 'removed'))
  assert.deepEqual(await likelyNames({ home: odd }), ['acme/hello'])
})
