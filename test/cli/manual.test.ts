import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { manPages } from '../../src/cli/manual/man-pages.ts'
import { manPage } from '../../src/cli/manual/roff.ts'
import { topicsOf } from '../../src/cli/topics/all.ts'
import { everyVerb } from '../../src/cli/verbs/find.ts'
import { onPath } from '../helpers/on-path.ts'

const root = join(import.meta.dirname, '../..')
const built = join(root, 'dist/man')
const pages = await manPages()

test('every command and every topic has a page, and a sub-command a part of one', () => {
  for (const [[first, ...rest], verb] of everyVerb()) {
    if (verb.isHidden === true) continue
    const page = pages.get(`plugins-${first}.1`)
    assert.ok(page !== undefined, first)
    if (rest.length > 0)
      assert.ok(page.includes(`"PLUGINS ${[first, ...rest].join(' ').toUpperCase()}"`), rest.join(' '))
    for (const { form } of verb.flags ?? []) assert.ok(page.includes(form.replaceAll('-', '\\-')), form)
  }
  for (const { name } of topicsOf()) assert.ok(pages.has(`plugins-${name}.7`), name)
  assert.ok(pages.has('plugins.1'))
})

test('the build has written them, byte for byte, and the package brings each', () => {
  assert.deepEqual(readdirSync(built).sort(), [...pages.keys()].sort())
  for (const [file, page] of pages) assert.equal(readFileSync(join(built, file), 'utf8'), page, file)
  const { man, files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    man: string[]
    files: string[]
  }
  const expected = [...pages.keys()].sort().map((file) => `./dist/man/${file}`)
  assert.deepEqual(man, expected, `put this into package.json: ${JSON.stringify(expected)}`)
  assert.ok(files.includes('dist/man'))
})

test('text that looks like a request, an escape or a quote is shown as it is', { skip: onPath('groff') }, () => {
  const odd = `.so /etc/passwd 'quoted' back\\slash ^~\` "double" – …`
  const page = {
    title: 'plugins',
    what: odd,
    usage: [],
    sections: [{ title: 'A "B"', parts: [odd, { rows: [[odd, odd]] as const }] }],
  }
  const source = manPage(page, [], { section: 1, version: '1', seeAlso: ['plugins(1)'] })
  const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-P-cbou', '-rLL=200n', '-ww'], {
    input: source,
    encoding: 'utf8',
  })
  assert.equal(stderr, '')
  assert.equal(stdout.split(odd).length - 1, 4, stdout)
})

test('groff has no warning about any page', { skip: onPath('groff') }, () => {
  for (const [file, page] of pages) {
    const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-P-cbou', '-ww'], {
      input: page,
      encoding: 'utf8',
    })
    assert.equal(stderr, '', file)
    assert.ok(stdout.includes('NAME'), file)
  }
})

test('mandoc has no warning about any page but that it has no date', { skip: onPath('mandoc') }, () => {
  for (const file of pages.keys()) {
    const { stdout } = spawnSync('mandoc', ['-Tlint', '-W', 'warning', join(built, file)], { encoding: 'utf8' })
    // The same sources give the same bytes on every day.
    assert.doesNotMatch(stdout.replace(/^.* missing date, .*\n/gm, ''), /./, stdout)
  }
})

test('man shows a page', { skip: onPath('man') }, () => {
  const { stdout, status } = spawnSync('man', ['--warnings', '-l', join(built, 'plugins-list.1')], {
    encoding: 'utf8',
    env: { ...process.env, MANWIDTH: '80', LC_ALL: 'C.UTF-8' },
  })
  assert.equal(status, 0)
  assert.match(stdout, /plugins-list - what is installed/)
})
