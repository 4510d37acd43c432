// A plugin with hooks, at the moment of a change in which they are run: unpacked under its release's name, in any state.

import type { TestContext } from 'node:test'
import type { Installation, InstallationState } from '../../src/core/installation.ts'
import type { HookRun } from '../../src/core/manifest.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { type HookOptions, runHook } from '../../src/manager/hooks.ts'
import { type Host, openHost } from '../../src/manager/host.ts'
import { holderOf } from '../../src/store/holder.ts'
import type { ReleaseSpec } from '../helpers/authority.ts'
import { HELLO, type Household, household, manifestOf } from './household.ts'

export interface Hooked {
  readonly house: Household
  readonly host: Host
  readonly installation: Installation
  /** What `run` gives to `runHook`. */
  options(hook: HookRun): HookOptions
  run(hook: HookRun, rest?: Partial<HookOptions>): Promise<void>
  /** As if a change were there. */
  become(state: InstallationState): void
}

/** `files` beside a program that does nothing; the first lines of scripts make them programs. */
export const hookSpec = (manifest: object, files: Readonly<Record<string, string | Buffer>> = {}): ReleaseSpec => ({
  files: {
    'bin/x': '#!/bin/sh\n',
    ...files,
    'plugin.json': manifestOf({ permissions: { env: ['COLOUR'] }, ...manifest }),
  },
  executable: ['bin/x', ...Object.keys(files)],
})

export async function hooked(t: TestContext, spec: ReleaseSpec, home?: Household): Promise<Hooked> {
  const house = home ?? (await household(t))
  // Without them in its manifest, or the install itself would run them.
  const whole = JSON.parse(`${spec.files?.['plugin.json']}`) as Record<string, unknown>
  const { health: _, hooks: __, ...bare } = whole
  await house.install({ ...spec, files: { ...spec.files, 'plugin.json': JSON.stringify(bare) } })
  const host = await openHost({ home: house.layout.home })
  t.after(() => host.store.close())
  const installation = host.store.find(HELLO)
  if (installation === null) throw new Error('it was installed a moment ago')
  const release = house.layout.release(HELLO, installation.version, installation.digest)
  const manifest = parseManifest(Buffer.from(JSON.stringify(whole)))
  const options = (hook: HookRun): HookOptions => ({ hook, installation, release, manifest, from: null })
  return {
    house,
    host,
    installation,
    options,
    run: (hook, rest = {}) => runHook(host, { ...options(hook), ...rest }),
    become: (state) =>
      house.raw((db) => {
        db.prepare('UPDATE installations SET state = ?, holder = ?').run(state, holderOf(process.pid))
      }),
  }
}
