import type { Sha256, Sha512 } from '../../src/core/digest.ts'
import type { LockedPlugin } from '../../src/core/lock-file.ts'
import type { HostPlugin } from '../../src/core/sync-plan.ts'

export const hex = (digit: string, length: number): string => digit.repeat(length)

/** A line of a lock file; each part can be another one. */
export function locked(name: string, version: string, rest: Partial<LockedPlugin> = {}): LockedPlugin {
  return {
    name: name as never,
    version,
    source: { registry: 'main', url: 'https://plugins.example.com/index.json' },
    range: null,
    held: false,
    sha256: hex('a', 64) as Sha256,
    sha512: hex('b', 128) as Sha512,
    manifest: hex('c', 64) as Sha256,
    signers: [`ed25519:${hex('d', 64)}`],
    countersigners: [],
    predicates: [],
    fileList: 'signed',
    platforms: null,
    requires: {},
    runtime: 'node',
    protocol: 'stdio',
    hooks: {},
    permissions: { network: [], read: [], env: [] },
    limits: {},
    ...rest,
  }
}

/** The same as a host has it. */
export function installed(plugin: LockedPlugin, rest: Partial<HostPlugin> = {}): HostPlugin {
  const { name, version, requires, signers, sha256, permissions, held } = plugin
  return { name, version, requires, signers, sha256, permissions, held, fault: null, found: null, ...rest }
}
