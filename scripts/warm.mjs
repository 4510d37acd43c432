// Runs the built command line once through its main path, so that V8's compiled form of it lies in dist/cache and a
// command starts without compiling. In a home of its own, which goes away.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function warm(root) {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-build-'))
  const env = { ...process.env, BULKHEAD_HOME: join(folder, 'home'), NO_COLOR: '1' }
  const plugins = (...args) =>
    execFileSync(process.execPath, [join(root, 'src/cli/bin.cjs'), ...args], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  try {
    plugins('keygen', '--out', 'key', '--no-passphrase')
    plugins('init', 'hello', '--name', 'build/hello', '--runtime', 'node')
    plugins('pack', 'hello')
    plugins('sign', 'build-hello-1.0.0.tgz', '--key', 'key.key')
    plugins('trust', 'add', 'key.pub', '--for', 'build/*')
    plugins('install', 'build-hello-1.0.0.tgz', '--yes')
    plugins('list')
    for (let run = 0; run < 2; run++) start(plugins)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A host that cannot sandbox can still be built on: there the first runs somewhere else compile it. */
function start(plugins) {
  try {
    plugins('run', 'build/hello')
  } catch (error) {
    if (error.status !== 125) throw error
  }
}
