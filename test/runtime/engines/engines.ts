// The engines of this host, for tests that run the same behaviour with each of them.

import { ENGINES, type EngineName, LACKING } from '../../../src/core/engines.ts'
import { readMountinfo, surveyCgroups } from '../../../src/runtime/cgroup-parents.ts'
import { surveyEngine } from '../../../src/runtime/oci/runtimes.ts'
import { cannotLaunch } from '../plan/house.ts'

export interface Tried {
  readonly name: EngineName
  /** For `test`'s `skip`: why it cannot be tried here. */
  readonly skip: string | false
  /** What it cannot give, so every run of it names. */
  readonly weaker: readonly string[]
}

export const engines: readonly Tried[] = ENGINES.map((name) => ({
  name,
  skip: cannotLaunch || whyNot(name),
  weaker: LACKING[name],
}))

function whyNot(name: EngineName): string | false {
  const mountinfo = readMountinfo()
  const { hierarchy } = surveyCgroups({ mode: 'root', uid: 0 }, mountinfo)
  try {
    surveyEngine(name, { mode: 'root', hierarchy, mountinfo })
    return false
  } catch (error) {
    return (error as Error).message
  }
}
