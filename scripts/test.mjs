// Runs the tests under Node's own runner: arguments are globs, none means all; `--coverage` adds the table.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'

const args = process.argv.slice(2)
const coverage = args.includes('--coverage')
const globs = args.filter((arg) => !arg.startsWith('--'))
const flags = args.filter((arg) => arg.startsWith('--') && arg !== '--coverage')

/** These wait for programs of their own most of the time. What measures sandboxes, or counts what is left of them, runs alone. */
const SIDE_BY_SIDE = [
  'test/{architecture,bench,cli,core,docs,fuzz,grpc,manager,marketplace,plugins,registry,store,verify}/**/*.test.ts',
  'test/attacks/{archive,channel,go-plugin,install,verify}/**/*.test.ts',
  'test/crash/*.test.ts',
  'test/runtime/{containers,data/snapshot,data/snapshot-user}.test.ts',
  'test/attacks/runtime/snapshots.test.ts',
]

/** These ask for so many samples, or an end, within a time. */
const TIMED = /\/(?:logs|run|stopping|turmoil|warm|watching)\.test\.ts$/

function run(files, more = []) {
  const { status } = spawnSync(
    process.execPath,
    ['--test', '--test-reporter=spec', '--test-timeout=300000', ...more, ...flags, ...files],
    { stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '' } },
  )
  return status ?? 1
}

function runAll() {
  const sideBySide = new Set(SIDE_BY_SIDE.flatMap((glob) => globSync(glob)).filter((file) => !TIMED.test(file)))
  const others = globSync('test/**/*.test.ts').filter((file) => !sideBySide.has(file))
  const first = run([...sideBySide].sort(), [`--test-concurrency=${availableParallelism()}`])
  return run(others.sort()) || first
}

const covering = ['--experimental-test-coverage', '--test-coverage-include=src/**']
if (globs.length > 0 || coverage) {
  process.exit(run(globs.length > 0 ? globs : ['test/**/*.test.ts'], coverage ? covering : []))
}
process.exit(runAll())
