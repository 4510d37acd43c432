// Runs the tests under Node's own runner: arguments are globs, none means all; `--coverage` adds the table.
import { spawnSync } from 'node:child_process'

const args = process.argv.slice(2)
const coverage = args.includes('--coverage')
const globs = args.filter((arg) => !arg.startsWith('--'))
const flags = args.filter((arg) => arg.startsWith('--') && arg !== '--coverage')
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    '--test-reporter=spec',
    '--test-timeout=300000',
    ...(coverage ? ['--experimental-test-coverage', '--test-coverage-include=src/**'] : []),
    ...flags,
    ...(globs.length > 0 ? globs : ['test/**/*.test.ts']),
  ],
  { stdio: 'inherit', env: { ...process.env, NODE_OPTIONS: '' } },
)
process.exit(status ?? 1)
