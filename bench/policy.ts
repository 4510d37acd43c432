import { generateKeyPairSync } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { sha256 } from '../src/core/digest.ts'
import type { PluginName } from '../src/core/name.ts'
import { parsePolicy } from '../src/verify/policy.ts'
import type { PolicyDocument, Principal, Revocation, Rule } from '../src/verify/policy-document.ts'
import type { Stage } from './stage.ts'
import { interleave } from './statistics.ts'
import { type Row, rowOf } from './table.ts'

interface Size {
  readonly principals: number
  readonly revocations: number
}

const SIZES: readonly Size[] = [
  { principals: 10_000, revocations: 10_000 },
  { principals: 10_000, revocations: 100_000 },
]
const LOOKUPS = 10_000

/** A trust file of a whole marketplace beside one of a single author: what reading it costs each command. */
export async function policy(stage: Stage): Promise<Row[]> {
  const { home, name, tarball } = await stage.wordCount()
  const small = JSON.parse(await readFile(`${home}/trust.json`, 'utf8')) as PolicyDocument
  const rows: Row[] = []
  for (const size of stage.short ? SIZES.slice(0, 1) : SIZES) {
    const shown = `${size.principals.toLocaleString('en')} principals, ${size.revocations.toLocaleString('en')} revocations`
    const { home: large, manager } = await stage.home(`policy-${size.revocations}`)
    await manager.install(tarball, { consent: () => true })
    await manager.close()
    const bytes = Buffer.from(JSON.stringify(grown(small, size)))
    await writeFile(`${large}/trust.json`, bytes, { mode: 0o600 })
    stage.note(`policy: ${shown}: trust.json of ${((await stat(`${large}/trust.json`)).size / 1e6).toFixed(1)} MB`)
    rows.push(await parsed(stage, shown, bytes), await lookedUp(stage, shown, bytes))
    const commands = [
      ['verify', tarball],
      ['verify', name],
      ['trust', 'list'],
      ...(stage.noRoot === null ? [['run', name, '--dry-run']] : []),
    ]
    for (const command of commands) rows.push(...(await commanded(stage, shown, command, { large, home })))
  }
  return rows
}

async function parsed(stage: Stage, shown: string, bytes: Buffer): Promise<Row> {
  const timed = (work: () => unknown) => async (): Promise<number> => {
    const began = performance.now()
    work()
    return performance.now() - began
  }
  const text = bytes.toString('utf8')
  const contenders = [timed(() => parsePolicy(bytes, 'trust.json')), timed(() => JSON.parse(text) as unknown)]
  await interleave(1, contenders)
  const [ours = [], theirs = []] = await interleave(stage.rounds(10, 3), contenders)
  return rowOf({ work: `parsePolicy: ${shown}`, against: 'JSON.parse', unit: 'ms', ours, theirs })
}

/** Who signs, by which rule, and is any of it revoked: asked ten thousand times, of names that are all there. */
async function lookedUp(stage: Stage, shown: string, bytes: Buffer): Promise<Row> {
  const large = parsePolicy(bytes, 'trust.json')
  const ids = large.document.principals.flatMap(({ keys }) => keys.map(({ id }) => id))
  const one = large.document.principals[0]?.keys[0]?.id ?? ''
  const asked = (idOf: (at: number) => string) => async (): Promise<number> => {
    const began = performance.now()
    for (let at = 0; at < LOOKUPS; at++) {
      const id = idOf(at)
      large.keyOf(id)
      large.ruleFor(`ns-${at}/plugin` as PluginName)
      large.revocationOf([id, `ns-${at}/plugin@1.0.${at}`])
    }
    return performance.now() - began
  }
  const contenders = [asked((at) => ids[at % ids.length] ?? ''), asked(() => one)]
  await interleave(1, contenders)
  const [ours = [], theirs = []] = await interleave(stage.rounds(10, 3), contenders)
  const work = `${LOOKUPS.toLocaleString('en')} look-ups of signer, rule and revocations: ${shown}`
  return rowOf({ work, against: 'always the same signer', unit: 'ms', ours, theirs })
}

async function commanded(
  stage: Stage,
  shown: string,
  command: readonly string[],
  homes: { readonly large: string; readonly home: string },
): Promise<Row[]> {
  const contenders = [homes.large, homes.home].map((home) => ({ argv: stage.plugins(home, ...command) }))
  const [ours, theirs] = await stage.driver.time(contenders, stage.rounds(15, 3), 1)
  if (!ours || !theirs) return []
  const words = command.map((word) => (word.endsWith('.tgz') ? 'X.tgz' : word.includes('/') ? 'NAME' : word))
  const work = `plugins ${words.join(' ')}: ${shown}`
  const against = 'one principal'
  return [
    rowOf({ work, against, unit: 'ms', ours: ours.ms, theirs: theirs.ms }),
    rowOf({ work: `${work}, peak memory`, against, unit: 'MiB', ours: ours.peakMiB, theirs: theirs.peakMiB }),
  ]
}

function grown(small: PolicyDocument, { principals, revocations }: Size): object {
  const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)
  const more = numbers(principals - small.principals.length).map(someone)
  return {
    ...small,
    principals: [...small.principals, ...more],
    rules: [
      ...small.rules,
      ...more.map(({ id }, at): Rule => ({ pattern: `ns-${at}/*`, principals: [id], threshold: 1 })),
    ],
    revocations: numbers(revocations).map(
      (at): Revocation => ({ target: `ns-${at}/plugin@1.0.${at}`, reason: 'withdrawn', at: '2026-11-01T08:00:00Z' }),
    ),
  }
}

function someone(): Pick<Principal, 'id' | 'keys'> & { readonly kind: 'keyed' } {
  const spki = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' })
  const raw = spki.subarray(-32)
  const id = `ed25519:${sha256(raw)}`
  return { id, kind: 'keyed', keys: [{ id, publicKey: raw.toString('base64') }] }
}
