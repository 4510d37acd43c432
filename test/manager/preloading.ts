// A host application whose Python plugins may come out of preloaded parents.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import type { PluginName } from '../../src/core/name.ts'
import type { RunOptions } from '../../src/index.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import { launch } from '../../src/manager/launch.ts'
import { HELLO, household, manifestOf } from './household.ts'

export const OTHER = 'acme/other' as PluginName

/** What it finds imported, and what of the system it can import. */
const SCRIPT = `import json, sys
print(json.dumps({'argv': sys.argv[1:], 'preloaded': 'decimal' in sys.modules, 'copied': 'bulkhead' in open('/proc/self/maps').read()}))`

/** A host on which a plugin that wants `modules` is installed. */
export async function hosted(
  t: TestContext,
  {
    preload = ['decimal'],
    config = {},
    script = SCRIPT,
    manifest = {},
  }: { preload?: string[]; config?: object; script?: string; manifest?: object } = {},
): Promise<{ host: Host; configure: (config: object) => Promise<Host> }> {
  const house = await household(t)
  for (const name of [HELLO, OTHER])
    await house.install({
      name,
      files: {
        'main.py': script,
        'plugin.json': manifestOf({ name, entry: { runtime: 'python', path: 'main.py', preload }, ...manifest }),
      },
    } as never)
  const configure = async (config: object): Promise<Host> => {
    writeFileSync(house.layout.configFile, JSON.stringify(config), { mode: 0o600 })
    const host = await openHost({ home: house.layout.home })
    t.after(async () => {
      await host.parents.close()
      host.store.close()
    })
    return host
  }
  return { host: await configure({ preload: { python: ['decimal', 'json'] }, ...config }), configure }
}

export async function ran(host: Host, name: string = HELLO, options: RunOptions = {}) {
  const run = await launch(host, name, { args: ['a'], ...options }, () => true)
  run.stdin?.end()
  const [stdout, stderr, outcome] = await Promise.all([
    text(run.stdout as NonNullable<typeof run.stdout>),
    text(run.stderr as NonNullable<typeof run.stderr>),
    run.outcome,
  ])
  return { outcome, stdout, stderr }
}

/** Whether it came out of a parent. */
export const saidBy = async (host: Host, name?: string, options?: RunOptions) => {
  const { stdout, stderr, outcome } = await ran(host, name, options)
  assert.equal(outcome.code, 0, stderr + JSON.stringify(outcome))
  return JSON.parse(stdout) as { argv: string[]; preloaded: boolean; copied: boolean }
}

export const COPIED = { argv: ['a'], preloaded: true, copied: true }
export const COLD = { argv: ['a'], preloaded: false, copied: false }

export const requestOf = async (host: Host) => {
  const { clear } = await import('../../src/manager/clearance.ts')
  return (await clear(host, HELLO, 'r-1', {})).request
}
