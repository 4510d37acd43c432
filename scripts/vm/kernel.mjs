// The kernel: Debian's own, for virtual machines, as the package lists of this machine name it.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { run } from './command.mjs'
import { download, newest } from './debian.mjs'
import { Fault } from './fault.mjs'

const NAME = /^linux-image-6\.1\.\d+-\d+-cloud-amd64$/

/** The current kernel, unpacked below `cache`: `{ release, image, modules }`. */
export function getKernel(cache, say) {
  const folder = join(cache, 'kernel')
  mkdirSync(folder, { recursive: true })
  const current = newest('linux-image-6.1.', NAME)
  const kept = readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .pop()
  const wanted = current ? `${current.name}_${current.version.replaceAll(':', '%3a')}` : kept
  if (!wanted)
    throw new Fault('cannot find a kernel: no package linux-image-6.1.*-cloud-amd64 is known here', 'apt-get update')

  const home = join(folder, wanted)
  if (!existsSync(home)) {
    say(`fetching the kernel: ${current.name} ${current.version}`)
    unpack(current, folder, home)
  }
  const image = only(join(home, 'boot'), /^vmlinuz-/)
  return { release: basename(image).slice('vmlinuz-'.length), image, modules: join(home, 'lib', 'modules') }
}

/** Paths of the named modules and all they need, in an order in which they can be inserted. */
export function inInsertionOrder(kernel, names) {
  const paths = new Map()
  for (const path of walk(kernel.modules)) {
    if (path.endsWith('.ko')) paths.set(moduleName(path), path)
  }
  const ordered = new Set()
  const visit = (name) => {
    const path = paths.get(name)
    if (!path) return // built in, as every dependency without a file is
    for (const needed of dependsOf(path)) visit(needed)
    ordered.add(path)
  }
  for (const name of names) visit(name)
  return [...ordered]
}

function unpack(wanted, folder, home) {
  const staging = join(folder, `.staging-${process.pid}`)
  rmSync(staging, { recursive: true, force: true })
  mkdirSync(staging)
  try {
    download(wanted, staging)
    const archive = only(staging, /\.deb$/)
    run('dpkg', ['-x', archive, join(staging, 'tree')])
    renameSync(join(staging, 'tree'), home)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
}

// The module says so itself, in its .modinfo section; the package has no modules.dep, and depmod may not be installed.
function dependsOf(path) {
  const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(path, 'latin1'))?.[1]
  return depends ? depends.split(',').map((name) => name.replaceAll('-', '_')) : []
}

const moduleName = (path) => basename(path, '.ko').replaceAll('-', '_')

function only(folder, pattern) {
  const name = readdirSync(folder).find((entry) => pattern.test(entry))
  if (!name) throw new Fault(`cannot find ${pattern} in ${folder}`, `rm -r ${folder}`)
  return join(folder, name)
}

function* walk(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) yield* walk(path)
    else yield path
  }
}
