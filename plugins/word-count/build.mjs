// Compiles word-count for this machine: static, so that the sandbox needs no library of the host for it, and the same
// bytes from every folder, so that two people who build one source can compare what they signed.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyFiles } from '../copy-files.mjs'

const source = import.meta.dirname
const PLATFORM = { x64: 'linux/amd64', arm64: 'linux/arm64' }

const FLAGS = [
  ...['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror'],
  ...['-fPIE', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-fno-plt'],
  ...['-static-pie', '-s', '-Wl,-z,relro,-z,now,-z,noexecstack', '-Wl,--build-id=none'],
]

export function build(out) {
  const platform = PLATFORM[process.arch]
  if (!platform) throw new Error(`cannot build word-count for ${process.arch}: expected x64 or arm64`)

  mkdirSync(join(out, 'bin'))
  const { status, error, stderr } = spawnSync(
    process.env.CC ?? 'cc',
    [...FLAGS, '-o', join(out, 'bin', 'word-count'), 'word-count.c'],
    { cwd: source, encoding: 'utf8' },
  )
  if (error) throw new Error(`cannot build word-count: no C compiler (${error.message})`)
  if (status !== 0) throw new Error(`cannot build word-count:\n${stderr}`)

  copyFiles(source, out, ['README.md', 'word-count.c'])
  // The source fits both machines, this binary one: a host of the other kind refuses it before it is run.
  const manifest = JSON.parse(readFileSync(join(source, 'plugin.json'), 'utf8'))
  writeFileSync(join(out, 'plugin.json'), `${JSON.stringify({ ...manifest, platforms: [platform] }, null, 2)}\n`)
}
