// A host of its own for a plugin with a network: its operator's configuration, its /etc/hosts and name server, and servers
// on loopback that its operator allows or does not.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { BIN, type Ran, type Shell, shell } from '../../cli/cli.ts'
import type { ReleaseSpec } from '../../helpers/authority.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'
import { HELLO } from '../household.ts'

export { HELLO }

const ETC = ['/etc/hosts', '/etc/resolv.conf']

/** Why names cannot be given to this host for a while: it takes a mount namespace with files of our own in /etc. */
function cannotName(): string | false {
  const missing = ETC.find((file) => !existsSync(file))
  if (missing !== undefined) return `there is no ${missing} that another could be mounted on`
  const { status, stderr } = spawnSync('unshare', ['--mount', 'true'], { encoding: 'utf8' })
  return status === 0 ? false : `cannot make a mount namespace: ${stderr}`
}

export const skip: string | false = cannotLaunch !== false ? cannotLaunch : cannotName()

/** One decision, as `plugins audit --json` has it. */
export interface Decision {
  readonly verdict: 'allowed' | 'denied'
  readonly name: string
  readonly port: number
  readonly address: string | null
  readonly reason: string | null
  readonly count: number
}

export interface World extends Shell {
  install(spec: ReleaseSpec): void
  /** `plugins run`, while the servers of this process answer. */
  run(args?: readonly string[], options?: readonly string[]): Promise<Ran>
  /** Newest last. */
  decisions(): readonly Decision[]
  outcome(): { readonly limitsMet: readonly string[]; readonly usage: { readonly networkBytes: number | null } }
}

export interface Setting {
  readonly config?: object
  /** Lines of /etc/hosts: `ADDRESS NAME`. */
  readonly hosts?: readonly string[]
  readonly nameServer?: string
  /** Whose runs these are; acme/hello if not said. */
  readonly plugin?: string
}

export async function world(context: TestContext, setting: Setting): Promise<World> {
  const own = await shell(context)
  const { plugin = HELLO } = setting
  const hosts = join(own.folder, 'hosts')
  const resolver = join(own.folder, 'resolv.conf')
  writeFileSync(own.layout.configFile, JSON.stringify(setting.config ?? {}), { mode: 0o600 })
  writeFileSync(hosts, ['127.0.0.1 localhost', ...(setting.hosts ?? []), ''].join('\n'))
  writeFileSync(resolver, `nameserver ${setting.nameServer ?? '127.0.0.1'}\n`)
  const mount = `mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"`
  const prefix = ['--mount', '--propagation', 'private', '/bin/sh', '-c', mount, hosts, resolver]
  return {
    ...own,
    install(spec) {
      const { code, stderr } = own.plugins(['install', own.publish(spec), '--yes'])
      if (code !== 0) throw new Error(stderr)
    },
    async run(args = [], options = []) {
      const line = [process.execPath, BIN, 'run', plugin, ...options, '--', ...args]
      const child = spawn('unshare', [...prefix, ...line], {
        cwd: own.folder,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', BULKHEAD_HOME: own.layout.home },
      })
      const ended = new Promise<number | null>((done) => child.once('close', done))
      const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
      return { code, stdout, stderr }
    },
    decisions() {
      const events = own.json(['audit', plugin, '--limit', '1000']).value as { kind: string; details: Decision }[]
      return events
        .filter(({ kind }) => kind === 'network')
        .map(({ details: { verdict, name, port, address, reason, count } }) => ({
          ...{ verdict, name, port },
          ...{ address, reason, count },
        }))
    },
    outcome() {
      const [last] = own.json(['history', plugin, '--limit', '1']).value as { outcome: ReturnType<World['outcome']> }[]
      if (last === undefined) throw new Error('nothing has run')
      return last.outcome
    },
  }
}
