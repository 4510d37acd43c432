// What tests of the fork server have in common: one of it, and who is there.

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { findLauncher, type Launchers } from '../../src/runtime/index.ts'
import { ForkServer } from '../../src/runtime/launching/fork-server.ts'
import type { ForkedLauncher } from '../../src/runtime/launching/forked-launcher.ts'
import type { LauncherStart } from '../../src/runtime/launching/launcher-process.ts'
import { SLOW } from '../helpers/patience.ts'

export const startOf = (over: Partial<LauncherStart> = {}): LauncherStart => ({
  binary: findLauncher(),
  title: 'bulkhead-launch: acme/hello one',
  stdio: ['pipe', 'pipe', 'pipe'],
  ...over,
})

export function spoolOf(t: TestContext): string {
  const spool = mkdtempSync(join(tmpdir(), 'bulkhead-spool-'))
  t.after(() => rmSync(spool, { recursive: true, force: true }))
  return spool
}

export async function serverOf(t: TestContext, spool = spoolOf(t)): Promise<ForkServer> {
  const server = await ForkServer.start(findLauncher(), spool)
  assert.ok(server)
  t.after(() => server.close())
  return server
}

export const field = (pid: number | undefined, name: string) =>
  new RegExp(`^${name}:\\t(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]

export function hasEnded(pid: number): boolean {
  try {
    return field(pid, 'State')?.startsWith('Z') === true
  } catch {
    return true
  }
}

export async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 300 * SLOW, what)
    await sleep(10)
  }
}

export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
  )
}

export function serverPids(): number[] {
  return childrenOf(process.pid).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--fork-server'))
}

export function serverPidOf(): number {
  const [pid] = serverPids()
  assert.ok(pid)
  return pid
}

/** The server's fourth descriptor is the socket that it leads launchers to. */
export const doorOf = (pid: number): string => `/proc/${pid}/fd/4`

export async function asked(launchers: Launchers, start: LauncherStart): Promise<ForkedLauncher> {
  for (let tries = 0; tries < 300 * SLOW; tries++) {
    const launcher = await launchers.ask(start)
    if (launcher !== null) return launcher
    await sleep(10)
  }
  return assert.fail('no launcher came')
}

/** Runs something until there is a fork server to start its launchers. */
export async function withServer(run: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; serverPids().length === 0; tries++) {
    assert.ok(tries < 100, 'no fork server came')
    await run()
    await sleep(10)
  }
}
