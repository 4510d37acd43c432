// The Debian packages of this machine: which are missing, what belongs to them, and how to get one.

import { readdirSync } from 'node:fs'
import { attempt, run } from './command.mjs'
import { Fault } from './fault.mjs'

const isRoot = () => process.getuid() === 0
const APT = ['-q', '-o', 'DPkg::Lock::Timeout=300', ...(isRoot() ? ['-o', 'APT::Sandbox::User=root'] : [])]

/** Installs what is missing if we may; otherwise names it. Nothing is ever installed silently. */
export function ensureInstalled(names, say) {
  const missing = missingOf(names)
  if (missing.length === 0) return
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`
  if (!isRoot())
    throw new Fault(`cannot start the machine: Debian packages are missing: ${missing.join(' ')}`, `sudo ${command}`)

  say(`installing Debian packages: ${missing.join(' ')}`)
  withFreshLists(() => attempt('apt-get', ['install', '-y', '--no-install-recommends', ...APT, ...missing]))
  const still = missingOf(names)
  if (still.length > 0) throw new Fault(`cannot install ${still.join(' ')}`, command)
}

/** The newest package whose name matches, as this machine's package lists know it: `{ name, version }`, or nothing. */
export function newest(prefix, pattern) {
  if (!hasLists() && isRoot()) run('apt-get', ['update', ...APT])
  const names = attempt('apt-cache', ['pkgnames', prefix])
    .output.split('\n')
    .filter((name) => pattern.test(name))
  if (names.length === 0) return undefined
  const found = []
  // One question for all of them: each costs half a second.
  for (const answer of attempt('apt-cache', ['policy', ...names]).output.split(/^(?=\S)/m)) {
    const [, name, version] = /^(\S+):\n.*^ {2}Candidate: (?!\(none\))(\S+)$/ms.exec(answer) ?? []
    if (version) found.push({ name, version })
  }
  return found.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })).pop()
}

/** Downloads one package into `folder`, from wherever this machine gets its packages. */
export function download({ name, version }, folder) {
  const done = withFreshLists(() => attempt('apt-get', ['download', ...APT, `${name}=${version}`], { cwd: folder }))
  if (!done.ok) throw new Fault(`cannot download ${name} ${version}: ${done.words}`, 'apt-get update')
}

/** `names` and all they depend on, as installed here: `[{ name, version }]`, in a fixed order. */
export function closure(names) {
  const installed = new Map()
  const providers = new Map()
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own notation
  const format = '${Package}\\t${Version}\\t${db:Status-Status}\\t${Pre-Depends}, ${Depends}\\t${Provides}\\n'
  for (const line of run('dpkg-query', ['-W', '-f', format]).split('\n')) {
    const [name, version, status, depends, provides] = line.split('\t')
    if (status !== 'installed') continue
    installed.set(name, { name, version, depends: clauses(depends) })
    for (const [provided] of clauses(provides)) providers.set(provided, name)
  }

  const reached = new Map()
  const queue = [...names]
  while (queue.length > 0) {
    const wanted = queue.pop()
    const found = installed.get(wanted) ?? installed.get(providers.get(wanted))
    if (!found || reached.has(found.name)) continue
    reached.set(found.name, found)
    for (const choices of found.depends) {
      queue.push(choices.find((name) => installed.has(name) || providers.has(name)) ?? choices[0])
    }
  }
  return [...reached.values()]
    .map(({ name, version }) => ({ name, version }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Every path that belongs to the packages. */
export function filesOf(packages) {
  const names = packages.map(({ name }) => name)
  return run('dpkg-query', ['-L', ...names])
    .split('\n')
    .filter((path) => path.startsWith('/') && path !== '/.')
}

function missingOf(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own notation
  return names.filter((name) => attempt('dpkg-query', ['-W', '-f', '${db:Status-Status}', name]).output !== 'installed')
}

// A fresh container has no package lists, and old lists name files that are gone: both are cured by one update.
function withFreshLists(act) {
  const first = hasLists() ? act() : { ok: false }
  if (first.ok || !isRoot()) return first
  run('apt-get', ['update', ...APT])
  return act()
}

function hasLists() {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => /_Packages(\.\w+)?$/.test(name))
  } catch {
    return false
  }
}

// "libc6 (>= 2.36), awk | mawk:any" → [['libc6'], ['awk', 'mawk']]
function clauses(text) {
  return (text ?? '')
    .split(',')
    .map((clause) => clause.split('|').map((choice) => choice.trim().replace(/[\s:(].*$/s, '')))
    .filter(([first]) => first)
}
