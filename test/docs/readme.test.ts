// What the README tells a stranger to type is typed here.

import assert from 'node:assert/strict'
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, globSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { anchors, blocks, documents, links, namedFiles, read, root } from './documents.ts'

const skip =
  process.geteuid?.() !== 0
    ? 'needs root: the README says so'
    : !existsSync(join(root, 'node_modules', '.bin', 'plugins')) && 'needs the build (npm run build)'

let top = ''
before(() => {
  top = mkdtempSync('/tmp/bulkhead-readme-')
  mkdirSync(join(top, 'dist')) // as it is after the build
  cpSync(join(root, 'plugins', 'hello'), join(top, 'plugins', 'hello'), { recursive: true })
})
after(() => rmSync(top, { recursive: true, force: true }))

function run(command: string, args: readonly string[], cwd: string): SpawnSyncReturns<string> {
  const PATH = `${join(root, 'node_modules', '.bin')}:${process.env.PATH}`
  const env = { PATH, HOME: top, BULKHEAD_HOME: join(top, 'home') }
  return spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 60_000 })
}

test('the commands of the README bring a plugin to run, and print what it says', { skip }, () => {
  const readme = read('README.md')
  const commands = blocks(readme, 'sh').find((block) => block.includes('plugins keygen'))
  const [printed] = blocks(readme, 'text')
  assert.ok(commands && printed)
  assert.equal(
    commands.split('\n').filter((line) => line.startsWith('plugins ')).length,
    6,
    'five commands and the run',
  )

  const { status, stdout, stderr } = run('sh', ['-eu', '-c', commands], top)

  assert.equal(status, 0, stderr)
  assert.ok(stdout.endsWith(printed), stdout)
})

test('the library of the README runs what the commands installed', { skip }, () => {
  const [program] = blocks(read('README.md'), 'js')
  assert.ok(program)

  const { status, stdout, stderr } = run('node', ['--input-type=module', '-e', program], root)

  assert.equal(status, 0, stderr)
  assert.match(stdout, /^Hello, Ada!\n[\s\S]*outcome: 'exited'/)
})

test('one changed byte gives the sentence of the README', { skip }, () => {
  const [, refused] = blocks(read('README.md'), 'text')

  const [installed = ''] = globSync('home/plugins/acme/hello/*/root/plugin/main.mjs', { cwd: top })
  appendFileSync(join(top, installed), ' ')
  const { status, stderr } = run('plugins', ['run', 'acme/hello'], top)

  assert.equal(status, 125)
  assert.equal(stderr, refused)
})

for (const document of documents()) {
  test(`${document.path}: every link leads somewhere, and every file it names is there`, () => {
    for (const link of links(document)) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? document.path : join(dirname(document.path), path)
      assert.ok(existsSync(join(root, target)), link)
      if (anchor !== undefined) assert.ok(anchors(read(target)).includes(anchor), link)
    }
    for (const name of namedFiles(document)) assert.ok(existsSync(join(root, name)), name)
  })
}
