// Assembles the published server and its locked packages, unchanged. Install scripts never run: what is signed is what
// the registry's digests in the lock file vouch for, and nothing that was made on this machine.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { copyFiles } from '../copy-files.mjs'

const source = import.meta.dirname
// Links to programs, which a plugin cannot have, and npm's own notes, which differ from version to version.
const NPM_OWN = ['.bin', '.package-lock.json']

export function build(out) {
  copyFiles(source, out, ['README.md', 'plugin.json', 'package.json', 'package-lock.json'])
  cpSync(join(installed(), 'node_modules'), join(out, 'node_modules'), { recursive: true })
}

/** `npm ci` takes seconds and the network, so each lock file is installed once, beside the source. */
function installed() {
  const lock = createHash('sha256')
  for (const name of ['package.json', 'package-lock.json']) lock.update(readFileSync(join(source, name)))
  const folder = join(source, '.cache', lock.digest('hex').slice(0, 16))
  if (existsSync(folder)) return folder

  const fresh = `${folder}.${process.pid}`
  mkdirSync(fresh, { recursive: true })
  try {
    copyFiles(source, fresh, ['package.json', 'package-lock.json', '.npmrc'])
    npmCi(fresh)
    for (const name of NPM_OWN) rmSync(join(fresh, 'node_modules', name), { recursive: true, force: true })
    if (!existsSync(folder)) renameSync(fresh, folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return folder
}

function npmCi(folder) {
  const args = ['ci', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--loglevel=error']
  const { status, error, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' })
  if (error) throw new Error(`cannot build everything: npm does not run (${error.message})`)
  if (status !== 0) throw new Error(`cannot build everything: npm ci ended with ${status}\n${stderr}`)
}
