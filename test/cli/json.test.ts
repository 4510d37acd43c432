import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { reportError } from '../../src/cli/error-report.ts'
import { runProgram } from '../../src/cli/program.ts'
import { everyVerb } from '../../src/cli/verbs/find.ts'
import type { Verb } from '../../src/cli/verbs/verb.ts'
import { keptIo } from '../helpers/io.ts'
import { type Shell, shell } from './cli.ts'

const leaves = everyVerb().filter(([, verb]) => verb.verbs === undefined)

/** The one document on standard output, and nothing beside it. */
function only({ stdout, stderr }: { stdout: string; stderr: string }, line: string): unknown {
  assert.equal(stderr, '', line)
  assert.ok(stdout.endsWith('\n'), line)
  return JSON.parse(stdout)
}

/** In this process: a line that cannot be understood opens no home. */
async function misunderstood(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const io = keptIo()
  const code = await runProgram(args, io).catch((error: unknown) => reportError(error, args, io))
  return { code, stdout: io.out, stderr: io.err }
}

interface ErrorDocument {
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string | null }
}

test('an option that is not there is one JSON document, of every command', async () => {
  for (const [path] of everyVerb()) {
    const args = ['--json', ...path, '--no-such-option']
    const ran = await misunderstood(args)
    assert.equal(ran.code, 2, args.join(' '))
    const { error } = only(ran, args.join(' ')) as ErrorDocument
    assert.equal(error?.code, 'USAGE', args.join(' '))
    assert.match(error?.message ?? '', /^cannot /)
  }
})

test('help of every command is one JSON document, wherever --json stands, and so is the version', async () => {
  for (const [path, verb] of everyVerb()) {
    for (const line of [
      ['--json', ...path, '--help'],
      [...path, '--help', '--json'],
      ['--json', 'help', ...path],
    ]) {
      const io = keptIo()
      assert.equal(await runProgram(line, io), 0)
      // trust is a topic, too
      const [page] = [only({ stdout: io.out, stderr: io.err }, line.join(' '))].flat() as { what: string }[]
      assert.equal(page?.what, verb.what)
    }
  }
  const io = keptIo()
  await runProgram(['--version', '--json'], io)
  assert.match((JSON.parse(io.out) as { version: string }).version, /^\d/)
})

/** Words that a command can do something with, in the order the commands are listed; `null`: it answers with bytes of others. */
const WORDS: Readonly<Record<string, readonly string[] | null>> = {
  init: ['made', '--name', 'acme/made'],
  validate: ['made'],
  schema: [],
  pack: ['made'],
  keygen: ['--out', 'new', '--no-passphrase'],
  sign: ['acme-made-1.0.0.tgz', '--key', 'new.key'],
  rotate: ['--old', 'new.key', '--new', 'next.pub', '--out', 'rotation.json'],
  'trust add': ['new.pub', '--for', 'acme/made'],
  'trust list': [],
  'trust rotate': ['rotation.json', '--yes'],
  'trust simulate': ['--remove', 'nobody'],
  'trust clock': [],
  'trust root add': ['none.json'],
  'trust root list': [],
  'trust root remove': ['none'],
  verify: ['--all'],
  install: ['acme-made-1.0.0.tgz', '--yes'],
  'registry build': ['market'],
  search: ['--registry', './market'],
  'registry yank': ['market', 'acme/made@1.0.0', '--reason', 'a test'],
  'registry deprecate': ['market', 'acme/made@1.0.0', '--reason', 'a test'],
  'registry add': ['none', '/srv/none'],
  'registry list': [],
  'registry remove': ['none'],
  sync: ['--write'],
  repair: ['acme/made'],
  gc: ['--dry-run'],
  outdated: [],
  update: ['acme/made'],
  rollback: ['acme/made'],
  hold: ['acme/made'],
  approvals: [],
  unhold: ['acme/made'],
  list: [],
  info: ['acme/made'],
  disable: ['acme/made'],
  enable: ['acme/made'],
  run: null,
  ps: [],
  stats: [],
  logs: ['acme/made'],
  stop: ['acme/made'],
  history: [],
  'mcp-config': [],
  doctor: [],
  audit: [],
  help: ['sandbox'],
  completion: ['bash'],
  __complete: ['names'],
  'trust remove': ['nobody'],
  'trust revoke': ['acme/made@1.0.0', '--reason', 'a test'],
  remove: ['acme/made', '--purge', '--yes'],
}

test('every command of the table is tried here', () => {
  assert.deepEqual(leaves.map(([path]) => path.join(' ')).sort(), Object.keys(WORDS).sort())
})

test('whatever a command answers is one JSON document, and so is its failure', async (t) => {
  const own = await prepared(t)
  const codes: Record<string, number | null> = {}
  for (const [command, words] of Object.entries(WORDS)) {
    if (words === null) continue
    const args = ['--json', ...command.split(' '), ...words]
    const ran = own.plugins(args)
    codes[command] = ran.code
    const document = only(ran, args.join(' ')) as ErrorDocument
    if (ran.code !== 0 && command !== 'doctor') assert.equal(typeof document.error?.code, 'string', args.join(' '))
  }
  // The others fail as they are meant to.
  const failed = Object.keys(codes).filter((command) => codes[command] !== 0 && command !== 'doctor')
  assert.deepEqual(failed, [
    'trust simulate',
    'trust root add',
    'trust root remove',
    'registry yank',
    'registry deprecate',
    'update',
    'rollback',
    'stop',
    'trust remove',
  ])
})

async function prepared(t: TestContext): Promise<Shell> {
  const own = await shell(t)
  assert.equal(own.plugins(['keygen', '--out', 'next', '--no-passphrase']).code, 0)
  mkdirSync(join(own.folder, 'market'))
  writeFileSync(join(own.folder, 'none.json'), '{}')
  return own
}

test('with a missing argument, or one too many, the document is the error', async () => {
  const needs = ({ operands = [] }: Verb) => operands.some(({ form }) => form.startsWith('<'))
  const takesAll = ({ operands = [] }: Verb) => operands.some(({ form }) => form.includes('...'))
  for (const [path, verb] of leaves) {
    const wrong = [...(needs(verb) ? [[]] : []), ...(takesAll(verb) ? [] : [['a/a', 'b/b', 'c/c', 'd/d']])]
    for (const words of wrong) {
      const args = ['--json', ...path, ...words]
      const ran = await misunderstood(args)
      assert.deepEqual(
        [ran.code, (only(ran, args.join(' ')) as ErrorDocument).error?.code],
        [2, 'USAGE'],
        args.join(' '),
      )
    }
  }
})
