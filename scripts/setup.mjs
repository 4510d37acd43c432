// The one door of `npm run demo`, `npm test` and the others: brings a fresh clone to where the task can run, says what it
// does, and runs the task under the project's own Node. No dependencies; any Node from 18 can run this file.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUILD, TASKS } from './tasks.mjs'

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

/** What is being installed is not left half done by what fails beside it. */
let installing = Promise.resolve()

async function must(command, args, env) {
  const status = run(command, args, env)
  if (status === 0) return
  await installing
  process.exit(status)
}

const [taskName = '', ...extra] = process.argv.slice(2)
const task = TASKS[taskName]
if (!task) fail(`cannot run "${taskName}": expected one of ${Object.keys(TASKS).join(', ')}`)

// What the tests need comes while the build is at work, which waits for a compiler alone.
installing = installDebianPackages(task.needs)
if (BUILD.some(({ file }) => !existsSync(file))) await installing
await installNodePackages()
const node = join(root, 'node_modules', '.bin', 'node')
if (!existsSync(node))
  fail("cannot find the project's Node: no node-linux package for this machine (x64 and arm64 have one)")
const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` }
say(`build, then ${taskName}`)
await must(node, ['scripts/build.mjs'], env)
await installing
for (const step of task.steps) {
  if (task.steps.length > 1) say(step.join(' '))
  const [command, ...args] = step
  const status = run(command, [...args, ...(step === task.steps.at(-1) ? extra : [])], env)
  if (status !== 0) process.exit(status)
}

/** A Debian package that is missing is installed by root, saying so; anybody else is told its name. */
async function installDebianPackages(needs) {
  const missing = needs.filter(({ file }) => !existsSync(file)).map((need) => need.debian)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    fail(`cannot go on without: ${missing.join(' ')}; install them (Debian: apt-get install ${missing.join(' ')})`)
  }
  say(`installing Debian packages: ${missing.join(' ')}`)
  const quiet = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"'
  const apt = spawn('sh', ['-c', install, 'apt', ...missing], { stdio: 'inherit', env: quiet })
  const [status] = await once(apt, 'exit')
  if (status !== 0) process.exit(status ?? 1)
}

async function installNodePackages() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  const stamp = join(root, 'node_modules', '.bulkhead-setup')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  say('npm ci (packages of the lock file)')
  await must('npm', ['ci'])
  writeFileSync(stamp, lock)
}
