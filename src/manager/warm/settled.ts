import type { SpawnedPlugin } from '../spawning.ts'
import { passed, type RunningPlugin } from '../watching.ts'

const LOOK_MS = 20
/** Looks in a row at which it had not worked. */
const QUIET_LOOKS = 3
/** What works for longer than this has no start-up that ends. */
const START_MS = 60_000

/**
 * Waits until a program has started up: until it has used no processor time for a while, which is so when it waits for its
 * first input. `false`: it has ended, or nobody waits any more.
 */
export async function settled(
  one: SpawnedPlugin,
  look: () => readonly RunningPlugin[],
  signal: AbortSignal,
): Promise<boolean> {
  let before = -1
  let quiet = 0
  for (let waited = 0; quiet < QUIET_LOOKS && waited < START_MS; waited += LOOK_MS) {
    if (!(await passed(LOOK_MS, signal))) return false
    const found = look().find(({ run }) => run === one.run)
    if (found === undefined) return false
    // Without a figure there is nothing to wait for.
    const cpuMs = found.cpuMs ?? 0
    quiet = cpuMs === before ? quiet + 1 : 0
    before = cpuMs
  }
  return true
}
