// Docker's and our seccomp profiles, in the form of the runtime specification.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { arch } from 'node:os'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../..')
/** Where Debian keeps Docker's profiles. */
const PACKAGE = 'golang-github-docker-docker-dev'
const PROFILE = 'usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json'
const CACHE = process.env.BULKHEAD_TEST_FIXTURES ?? join(ROOT, 'node_modules/.cache/bulkhead')

export interface Rule {
  readonly names: readonly string[]
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly object[] | null
}

export interface Profile {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly architectures: readonly string[]
  readonly syscalls: readonly Rule[]
}

/** `docs/docker-seccomp.json`, as it is shipped. */
export const ours = (): Profile => JSON.parse(readFileSync(join(ROOT, 'docs/docker-seccomp.json'), 'utf8')) as Profile

interface Conditions {
  readonly caps?: readonly string[]
  readonly arches?: readonly string[]
}
type DockerRule = Rule & { readonly includes?: Conditions; readonly excludes?: Conditions }

/** Docker's default profile as dockerd gives it to runc for a container with these capabilities; `null` without Debian's copy. */
export function dockers(capabilities: readonly string[]): Profile | null {
  const path = debiansCopy()
  if (path === null) return null
  const profile = JSON.parse(readFileSync(path, 'utf8')) as { syscalls: readonly DockerRule[] }
  const here = arch() === 'arm64' ? 'arm64' : 'amd64'
  const within = (conditions: Conditions | undefined, all: boolean): boolean => {
    const caps = conditions?.caps ?? []
    const arches = conditions?.arches ?? []
    return all
      ? caps.every((one) => capabilities.includes(one)) && (arches.length === 0 || arches.includes(here))
      : caps.some((one) => capabilities.includes(one)) || arches.includes(here)
  }
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures:
      here === 'arm64'
        ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']
        : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    syscalls: profile.syscalls
      .filter((rule) => within(rule.includes, true) && !within(rule.excludes, false))
      .map(({ names, action, errnoRet, args }) => ({
        names,
        action,
        ...(errnoRet === undefined ? {} : { errnoRet }),
        ...(args?.length ? { args } : {}),
      })),
  }
}

/** Taken out of its package, which is not installed for it: it would bring half of Go along. */
function debiansCopy(): string | null {
  const kept = join(CACHE, 'docker-default.json')
  if (existsSync(kept)) return kept
  if (!existsSync('/usr/bin/apt-get')) return null
  mkdirSync(CACHE, { recursive: true })
  const scratch = mkdtempSync(join(CACHE, '.downloading-'))
  try {
    const quiet = { cwd: scratch, stdio: 'ignore' } as const
    const options = ['-qq', '-o', 'DPkg::Lock::Timeout=60', '-o', 'APT::Sandbox::User=root']
    execFileSync('apt-get', ['download', ...options, PACKAGE], quiet)
    const [archive] = readdirSync(scratch)
    execFileSync('dpkg-deb', ['-x', archive ?? '', 'tree'], quiet)
    renameSync(join(scratch, 'tree', PROFILE), kept)
    return kept
  } catch {
    return null // no network, no such package: said by who asked
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
