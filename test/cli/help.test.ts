import assert from 'node:assert/strict'
import { test } from 'node:test'
import { help } from '../../src/cli/commands/help.ts'
import { parseRun } from '../../src/cli/commands/run-arguments.ts'
import { runProgram } from '../../src/cli/program.ts'
import { similar } from '../../src/cli/similar.ts'
import { topicsOf } from '../../src/cli/topics/all.ts'
import { everyVerb, findVerb } from '../../src/cli/verbs/find.ts'
import { GLOBAL_FLAGS } from '../../src/cli/verbs/verb.ts'
import { widthOf } from '../../src/cli/width.ts'
import { ERROR_CODES, EXIT_CODES, PluginError } from '../../src/index.ts'
import { sources } from '../architecture/sources.ts'
import { keptIo } from '../helpers/io.ts'

async function printed(columns: number, ...line: readonly string[]): Promise<string> {
  const io = keptIo({ columns })
  assert.equal(await runProgram(line, io), 0)
  return io.out
}

async function refusal(...line: readonly string[]): Promise<PluginError> {
  const error = await runProgram(line, keptIo()).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof PluginError, line.join(' '))
  return error
}

const shown = everyVerb().filter(([, verb]) => verb.isHidden !== true)

test('--help and help say the same, of each command and of all', async () => {
  for (const path of [[], ['install'], ['trust', 'root', 'add']]) {
    // The page of help is longer where a topic has the same name.
    assert.equal(await printed(80, ...path, '--help'), await printed(80, 'help', ...path), path.join(' '))
  }
})

test('each command that does something has examples, and each is one that is understood', async () => {
  for (const [path, verb] of shown) {
    if (verb.verbs !== undefined) continue
    assert.ok((verb.examples ?? []).length > 0, path.join(' '))
    for (const [line] of verb.examples ?? []) {
      const command = ['plugins', ...path].join(' ')
      assert.ok(line.replace('plugins --json ', 'plugins ').includes(command), `${command}: ${line}`)
      const words = wordsOf(line.slice(line.indexOf('plugins ') + 8))
      for (const word of words.slice(0, words.indexOf('--') < 0 ? undefined : words.indexOf('--'))) {
        if (!word.startsWith('--')) continue
        const flags = [...(verb.flags ?? []), ...GLOBAL_FLAGS].map(({ form }) => form.split(' ')[0])
        assert.ok(flags.includes(word), `${word} in ${line}`)
      }
    }
  }
})

/** As a shell takes it apart, up to where its own signs begin. */
const wordsOf = (line: string): string[] =>
  [...(line.split(/[|>)]/)[0] ?? '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? '')

test('a page is as wide as the terminal and no wider, but for the command lines in it', async () => {
  for (const columns of [40, 80, 200]) {
    for (const path of [[], ...shown.map(([words]) => words), ...topicsOf().map(({ name }) => [name])]) {
      const text = await printed(columns, 'help', ...path)
      const lines = text.split('\n').filter((line) => !/^ *\$ |^Usage: |^ {7}plugins /.test(line))
      for (const line of lines) assert.ok(widthOf(line) <= Math.min(columns, 100) || !line.trim().includes(' '), line)
    }
  }
})

test('a topic tells of the codes, keys and numbers that the program goes by', async () => {
  const codes = await printed(100, 'help', 'exit-codes')
  for (const [code, { exitCode }] of Object.entries(ERROR_CODES))
    assert.match(codes, new RegExp(`\\b${code} +exit ${exitCode}:`))
  for (const code of Object.keys(EXIT_CODES)) assert.match(codes, new RegExp(`^ +${code} `, 'm'))
  const manifest = await printed(100, 'help', 'manifest')
  assert.match(manifest, /^ {2}entry\.runtime +exec, node, python, needed$/m)
  assert.match(manifest, /production +memory 128M, cpu 0\.5/)
})

test('a topic with the name of a command comes after it', async () => {
  assert.match(await printed(80, 'help', 'trust'), /^Usage: plugins trust[\s\S]*\ntrust: who may sign what/)
})

test('every variable that the sources read for themselves is in the topic of the environment', async () => {
  const text = await printed(100, 'help', 'environment')
  const read = sources('src/**/*.{ts,js}').flatMap((source) =>
    [...source.text.matchAll(/process\.env\.([A-Z_]+)/g)].map(([, name = '']) => name),
  )
  // PLUGIN_… are in the program of a new plugin; the others are of the CI systems that give a token.
  const own = new Set(read.filter((name) => !/^(?:PLUGIN_|ACTIONS_|SIGSTORE_|GITLAB_|CI)/.test(name)))
  assert.ok(own.size >= 5, [...own].join(' '))
  for (const name of own) assert.ok(text.includes(name), name)
})

test('what is nearly a command or a topic is answered with it, what is something else is not', async () => {
  assert.match((await refusal('help', 'sandbx')).message, /^cannot help with "sandbx": .* \(Did you mean sandbox\?\)$/)
  assert.match((await refusal('help', 'trsut', 'add')).message, /Did you mean trust add\?/)
  assert.match((await refusal('help', 'enviro')).message, /Did you mean environment\?/)
  assert.match((await refusal('help', 'quantum')).message, /no such command or topic$/)
  assert.match((await refusal('help', '\u001b[2J')).message, /"\\u001b\[2J"/)
})

test('what other tools call it leads to what it is called here', async () => {
  assert.match(
    (await refusal('uninstall', 'acme/hello')).message,
    /unknown command 'uninstall' \(Did you mean remove\?\)$/,
  )
  assert.match((await refusal('show', 'acme/hello')).message, /Did you mean info\?/)
})

test('an error in a command leads to the help of that command', async () => {
  assert.equal((await refusal('install')).hint, 'plugins install --help')
  assert.equal((await refusal('trust', 'add', '--thresold', '2')).hint, 'plugins trust add --help')
  assert.equal((await refusal('nonsense')).hint, 'plugins --help lists the commands')
})

test('words are similar by few changed letters, or when one begins the other', () => {
  assert.deepEqual(similar('instal', ['install', 'info']), ['install'])
  assert.deepEqual(similar('lsit', ['list', 'logs']), ['list'])
  assert.deepEqual(similar('hist', ['history', 'list']), ['history'])
  assert.deepEqual(similar('x', ['install', 'info']), [])
  assert.deepEqual(similar('x'.repeat(100_000), ['install']), [])
})

test('the parser of the hot path knows the options of run that the table has, and no other', () => {
  const flags = [...(findVerb(['run'])?.flags ?? []), ...GLOBAL_FLAGS]
  for (const { form, kind } of flags) {
    const [flag = '', value] = form.split(' ')
    const given = typeof kind === 'object' ? [kind[0] ?? ''] : ['x']
    assert.notEqual(parseRun(['run', 'acme/hello', flag, ...(value === undefined ? [] : given)]), null, flag)
  }
  assert.throws(() => parseRun(['run', 'acme/hello', '--explain']), { code: 'USAGE' })
})

test('no help, no completion and no manual tells of what is only for shells', async () => {
  const io = keptIo()
  await help({ home: undefined, json: false, quiet: false, color: false, columns: 80 }, io, [])
  assert.doesNotMatch(io.out, /__complete/)
})
