// The one door of `npm run demo`, `npm test` and the others: brings a fresh clone to where the task can run, says what it
// does, and runs the task under the project's own Node. No dependencies; any Node from 18 can run this file.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TASKS } from './tasks.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const say = (text) => process.stderr.write(`setup: ${text}\n`)

function fail(text) {
  say(text)
  process.exit(1)
}

function run(command, args, env = process.env) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (error) fail(`cannot run ${command}: ${error.message}`)
  return signal ? 1 : (status ?? 1)
}

function must(command, args, env) {
  const status = run(command, args, env)
  if (status !== 0) process.exit(status)
}

const [taskName = '', ...extra] = process.argv.slice(2)
const task = TASKS[taskName]
if (!task) fail(`cannot run "${taskName}": expected one of ${Object.keys(TASKS).join(', ')}`)

installDebianPackages(task.needs)
installNodePackages()
const node = join(root, 'node_modules', '.bin', 'node')
if (!existsSync(node))
  fail("cannot find the project's Node: no node-linux package for this machine (x64 and arm64 have one)")
const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` }
say(`build, then ${taskName}`)
must(node, ['scripts/build.mjs'], env)
for (const step of task.steps) {
  if (task.steps.length > 1) say(step.join(' '))
  const [command, ...args] = step
  const status = run(command, [...args, ...(step === task.steps.at(-1) ? extra : [])], env)
  if (status !== 0) process.exit(status)
}

/** A Debian package that is missing is installed by root, saying so; anybody else is told its name. */
function installDebianPackages(needs) {
  const missing = needs.filter(({ file }) => !existsSync(file)).map((need) => need.debian)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    fail(`cannot go on without: ${missing.join(' ')}; install them (Debian: apt-get install ${missing.join(' ')})`)
  }
  say(`installing Debian packages: ${missing.join(' ')}`)
  const quiet = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  must('apt-get', ['update', '-qq'], quiet)
  must('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], quiet)
}

function installNodePackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const stamp = join(root, 'node_modules', '.bulkhead-setup')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  say('npm ci (packages of the lock file)')
  must('npm', ['ci'])
  writeFileSync(stamp, lock)
}
