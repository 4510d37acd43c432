// What an attack is: a name, a program's word for it, the layer that it tests, and how it looks when it fails and when not.

import type { Profile } from '../../../src/core/limits.ts'
import type { Layer } from '../../runtime/launcher/launch.ts'
import type { Language } from './arsenal.ts'
import type { Lack } from './host.ts'

/** Whose sandbox, and who builds it. */
export const MODES = ['root', 'preload', 'rootless', 'runc', 'crun'] as const
export type Mode = (typeof MODES)[number]

export interface Attack {
  readonly name: string
  readonly language: Language
  /** What the program is told; a word that begins with `$` is a fact of the host (host.ts). */
  readonly words: readonly string[]
  readonly layer: Layer
  /** Layers that stop it as well, and are off with the first: only then does it show. */
  readonly also: readonly Layer[]
  readonly contained: RegExp
  /** `null`: it fails whatever is switched off; `unswitched` says why. */
  readonly loose: RegExp | null
  readonly unswitched?: string
  /** It is the only one of its run, and judged by how that run ends as well. */
  readonly alone: boolean
  /** For a limit that is too roomy in the usual one. */
  readonly profile?: Profile
  /** Its answer is what the host finds afterwards. */
  readonly witness?: Witness
  /** What has to be there for anybody to be after it. */
  readonly needs?: Lack
  /** A known hole of this kind in another sandbox. */
  readonly known?: string
  /** Modes in which it means nothing, and why. */
  readonly not: { readonly [M in Mode]?: string }
  /** Modes in which only the contained side can be shown, and why. */
  readonly onlyContained: { readonly [M in Mode]?: string }
}

/** `survivors`: processes of the plugin's uid. `victim`: has the other run of the plugin been ended? `orphan`: does the run outlive its caller? */
export type Witness = 'survivors' | 'victim' | 'orphan'

export interface Rest extends Partial<Omit<Attack, 'contained' | 'loose'>> {
  readonly contained: string | RegExp
  readonly loose?: string | RegExp | null
}

/** `EPERM|ENOSYS`: it says no, with one of these; `yes` among them: or yes. */
function answer(pattern: string | RegExp): RegExp {
  if (typeof pattern !== 'string') return pattern
  const words = pattern.split('|')
  const refusals = words.filter((word) => word !== 'yes')
  const parts = [
    ...(words.includes('yes') ? ['yes\\b'] : []),
    ...(refusals.length > 0 ? [`no (${refusals.join('|')})\\b`] : []),
  ]
  return new RegExp(`^(${parts.join('|')})`)
}

/** Makes the rows of one language: `row('name', 'probe arg arg', 'layer', { contained: 'EPERM' })`. */
export const rowsOf =
  (language: Language) =>
  (name: string, words: string, layer: Layer, { contained, loose = 'yes', ...rest }: Rest): Attack => ({
    name,
    language,
    words: words.split(' '),
    layer,
    also: [],
    alone: false,
    not: {},
    onlyContained: {},
    ...rest,
    contained: answer(contained),
    loose: loose === null ? null : answer(loose),
  })

export const layersOf = ({ layer, also }: Attack): readonly Layer[] => [...new Set([layer, ...also])].sort()
