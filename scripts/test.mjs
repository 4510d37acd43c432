// Runs the tests under Node's own runner: arguments are globs, none means all; `--coverage` adds the table.
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join, relative } from 'node:path'

const args = process.argv.slice(2)
const coverage = args.includes('--coverage')
const globs = args.filter((arg) => !arg.startsWith('--'))
const flags = args.filter((arg) => arg.startsWith('--') && arg !== '--coverage')

/**
 * One after the other, with nothing beside them: what counts processors or milliseconds, and attacks that could do harm to
 * whoever has the same user ids while a layer is off.
 */
const ALONE = [
  'test/attacks/launcher/{denials,exhaustion}.test.ts',
  'test/attacks/suite/rootless.test.ts',
  'test/attacks/runtime/{bandwidth,endings,held-standing,stopped-launcher,warm-pool}.test.ts',
  'test/cli/watching.test.ts',
  'test/examples/http-host.test.ts',
  'test/manager/{logs,preload-failures,stopping,warm,warm-many,watching}.test.ts',
  'test/manager/loading/turmoil.test.ts',
  'test/runtime/engines/behaviour.test.ts',
  'test/runtime/launcher/{denials,sample,stall,stop,supervise}.test.ts',
]

/** The others wait for their own programs half of the time. */
const SIDE_BY_SIDE = 2 * availableParallelism()

/**
 * Each file is a process of its own, and all load the same modules: their types are stripped once. The emulated machine takes
 * the folder along, hence portable. Coverage would be less exact.
 */
const COMPILED = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, '..', 'node_modules', '.cache', 'bulkhead-compiled'),
  NODE_COMPILE_CACHE_PORTABLE: '1',
}

const REPORTERS = ['--test-reporter=spec', '--test-reporter-destination=stdout']

function run(files, more = []) {
  const { status } = spawnSync(
    process.execPath,
    ['--test', ...REPORTERS, '--test-timeout=300000', ...more, ...flags, ...files],
    {
      stdio: 'inherit',
      env: { ...process.env, NODE_OPTIONS: '', ...(coverage ? {} : COMPILED) },
    },
  )
  return status ?? 1
}

/**
 * A machine that others use, too, can stand still for a second, and a test that looks at a moment then sees another moment. As many
 * files as this may fail once, and have to pass by themselves, with nothing beside them; it is said which they were.
 */
const AGAIN_MAX = 3
const ALONE_FLAGS = ['--test-concurrency=1']

/** Like `run`, and which files failed: none of them when it was ended before it could say. */
function runTold(files, more) {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-tests-'))
  const told = join(folder, 'failed')
  const reporter = join(import.meta.dirname, 'failed-files.mjs')
  try {
    const status = run(files, [...more, `--test-reporter=${reporter}`, `--test-reporter-destination=${told}`])
    const failed = readFileSync(told, 'utf8').split('\n').filter(Boolean)
    return { status, failed: failed.map((file) => relative(process.cwd(), file)) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What was renamed would otherwise be measured beside others from then on, without a word. */
function named(glob) {
  const files = globSync(glob)
  if (files.length === 0) throw new Error(`cannot find a test for ${glob}`)
  return files
}

function runAll() {
  // Tests compile files of passing names, too, which would stay for ever.
  rmSync(COMPILED.NODE_COMPILE_CACHE, { recursive: true, force: true })
  const alone = new Set(ALONE.flatMap(named))
  const others = globSync('test/**/*.test.ts').filter((file) => !alone.has(file))
  const parts = [
    runTold(others.sort(), [`--test-concurrency=${SIDE_BY_SIDE}`]),
    runTold([...alone].sort(), ALONE_FLAGS),
  ]
  const status = Math.max(...parts.map((part) => part.status))
  const failed = parts.flatMap((part) => part.failed)
  // What was ended by a signal, or failed without a test of its own, has no file to try again.
  const isAgain =
    failed.length > 0 && failed.length <= AGAIN_MAX && parts.every((part) => !part.status || part.failed.length > 0)
  if (status === 0 || !isAgain) return status
  console.log(`failed: ${failed.join(' ')}; once more, alone`)
  const again = run(failed, ALONE_FLAGS)
  if (again === 0) console.log(`passed only when alone: ${failed.join(' ')}`)
  return again
}

const covering = ['--experimental-test-coverage', '--test-coverage-include=src/**']
if (globs.length > 0 || coverage) {
  process.exit(run(globs.length > 0 ? globs : ['test/**/*.test.ts'], coverage ? covering : []))
}
process.exit(runAll())
