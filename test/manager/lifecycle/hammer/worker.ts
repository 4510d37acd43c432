// One process of the hammer: operations at random until its time is over. A line for each, on standard output.

import { writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { openManager, type PluginManager } from '../../../../src/index.ts'
import { pick, randomFrom } from '../../../fuzz/random.ts'
import { FRAGILE, NAMES } from './field.ts'
import { type Deed, OF_DAMAGE, OPERATIONS, type Operation, type Scene } from './operations.ts'

export interface Job {
  readonly home: string
  readonly lockFile: string
  readonly seed: number
  readonly seconds: number
  /** Others are killed meanwhile, and leave something to be made good. */
  readonly areKilled: boolean
}

/** What became of one operation. */
export interface Struck {
  readonly kind: string
  readonly name: string
  readonly ms: number
  readonly codes: readonly string[]
  /** The same as they were told, without names and versions. */
  readonly sentences: readonly string[]
  readonly deeds: readonly Deed[]
  /** What nobody should ever be told. */
  readonly faults: readonly string[]
}

const DRAWN = OPERATIONS.flatMap((operation) => Array.from({ length: operation.weight }, () => operation))
/** Words of SQLite's own. */
const RAW = /SQLITE_|constraint failed|database is locked|no such (?:table|column)/

async function hammer({ home, lockFile, seed, seconds, areKilled }: Job): Promise<void> {
  const random = randomFrom(seed)
  let manager: PluginManager | null = null
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    const operation = pick(DRAWN, random)
    const name = operation.kind === 'damage' ? FRAGILE : pick(NAMES, random)
    const opened: PluginManager | null = manager
    const struck = await strike(operation, name, async () => {
      manager = opened ?? (await openManager({ home, onRecovered: areKilled ? undefined : interrupted }))
      return { manager, home, lockFile, random, name }
    })
    writeSync(1, `${JSON.stringify(struck)}\n`)
    // A command opens the home anew; a host application keeps it open.
    if (random(4) > 0) continue
    await (manager as PluginManager | null)?.close()
    manager = null
  }
  await (manager as PluginManager | null)?.close()
}

/** No process has died. */
function interrupted(recovered: unknown): void {
  throw new Error(`somebody living was taken for dead: ${JSON.stringify(recovered)}`)
}

async function strike(operation: Operation, name: string, open: () => Promise<Scene>): Promise<Struck> {
  const began = performance.now()
  const said: unknown[] = []
  let deeds: readonly Deed[] = []
  try {
    const answer = await operation.run(await open())
    deeds = answer?.deeds ?? []
    said.push(...(answer?.errors ?? []))
  } catch (error) {
    said.push(error)
  }
  const told = said.map((error) => judge(operation, error))
  return {
    kind: operation.kind,
    name,
    ms: performance.now() - began,
    codes: told.map(({ code }) => code),
    sentences: told.map(({ sentence }) => sentence),
    deeds,
    faults: told.flatMap(({ fault }) => fault ?? []),
  }
}

function judge({ kind, codes }: Operation, error: unknown): { code: string; sentence: string; fault: string | null } {
  const { code = 'none', message = String(error), stack = message } = error as NodeJS.ErrnoException
  const isKnown = codes.includes(code) || (OF_DAMAGE.includes(code) && message.includes(FRAGILE))
  const sentence = message
    .replaceAll(/acme\/\w+/g, 'P')
    .replaceAll(/\d+\.\d+\.\d+/g, 'V')
    .replaceAll(/[0-9a-f]{12,}/g, 'H')
  if (isKnown && message.startsWith('cannot') && !RAW.test(message)) return { code, sentence, fault: null }
  return { code, sentence, fault: `${kind}: ${code}: ${stack.slice(0, 1200)}` }
}

if (isMainThread && import.meta.main) await hammer(JSON.parse(process.argv[2] ?? '') as Job)
