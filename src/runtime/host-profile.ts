import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { IsolationError } from '../core/errors.ts'
import { findLauncher } from './launcher-binary.ts'

/** Files by which an administrator allows what sandboxes need: for a container engine, or for AppArmor. */
export const HOST_PROFILES = ['seccomp', 'apparmor'] as const
export type HostProfile = (typeof HOST_PROFILES)[number]

/** The text of such a file, for this machine. */
export function hostProfile(which: HostProfile): string {
  return which === 'seccomp' ? readFileSync(seccompFile(), 'utf8') : appArmorProfile(findLauncher())
}

/** Comes with the package, as `docs/docker-seccomp.json`. */
function seccompFile(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const place = join(folder, 'docs', 'docker-seccomp.json')
    if (existsSync(place)) return place
    if (folder === dirname(folder)) break
  }
  throw new IsolationError('SANDBOX_UNAVAILABLE', 'cannot find docs/docker-seccomp.json of this package')
}

/**
 * Ubuntu 23.10 and newer give ordinary users no user namespace unless a profile does. This one gives it to the launcher,
 * by its path, and takes nothing away; in the sandbox the system-call filter refuses any further namespace.
 */
export function appArmorProfile(launcher: string): string {
  const path = launcher.replace(/[\\"?*[\]{}^,]/g, '\\$&')
  return `# Lets the launcher of Bulkhead make user namespaces. Load it with: apparmor_parser -r THIS_FILE
abi <abi/4.0>,
include <tunables/global>

profile bulkhead-launch "${path}" flags=(unconfined) {
  userns,

  include if exists <local/bulkhead-launch>
}
`
}
