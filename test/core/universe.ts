import type { PluginName } from '../../src/core/name.ts'
import type { Candidate, Present, Resolution, ResolutionRequest, Wanted } from '../../src/core/resolution.ts'
import { resolve } from '../../src/core/resolution.ts'

type Needs = Readonly<Record<string, string>>
/** What registries list: by plugin, by version, what it requires; `yanked` and `not here` as keys are what they say. */
export type Catalog = Readonly<Record<string, Readonly<Record<string, Needs>>>>

export interface Situation {
  readonly catalog: Catalog
  /** `acme/a`, `acme/a@^1`, `acme/a=1.0.0`. */
  readonly wanted: readonly string[]
  /** `acme/a@1.0.0`; what it requires is taken from the catalogue. */
  readonly installed?: readonly string[]
  /** The same with what they require, for what no catalogue has. */
  readonly present?: readonly Present[]
  readonly held?: readonly string[]
  readonly locked?: Readonly<Record<string, string>>
  readonly yanked?: readonly string[]
  /** `acme/a@1.0.0` and why not. */
  readonly unusable?: Readonly<Record<string, string>>
}

export function requestOf(situation: Situation): ResolutionRequest<Candidate> {
  const { catalog, yanked = [], unusable = {}, held = [] } = situation
  return {
    wanted: situation.wanted.map(wantedOf),
    installed: [
      ...(situation.installed ?? []).map((text) => {
        const [name = '', version = ''] = text.split('@')
        return {
          name: name as PluginName,
          version,
          requires: catalog[name]?.[version] ?? {},
          held: held.includes(name),
        }
      }),
      ...(situation.present ?? []),
    ],
    locked: new Map(Object.entries(situation.locked ?? {})),
    candidates: async (name) =>
      Object.entries(catalog[name] ?? {}).map(([version, requires]) => ({
        name,
        version,
        requires,
        engines: {},
        platforms: null,
        yanked: yanked.includes(`${name}@${version}`) ? 'a bug' : null,
      })),
    unusable: ({ name, version }) => unusable[`${name}@${version}`] ?? null,
  }
}

function wantedOf(text: string): Wanted {
  const [, name = '', sign, range = null] = /^([^@=]+)(?:([@=])(.*))?$/.exec(text) ?? []
  return { name: name as PluginName, range, exact: sign === '=' }
}

/** In one line a step, in their order: `install acme/b 1.0.0`. */
export async function resolved(situation: Situation): Promise<string[]> {
  return shown(await resolve(requestOf(situation)))
}

export const shown = ({ steps }: Resolution<Candidate>): string[] =>
  steps.map(({ action, name, version }) => `${action} ${name} ${version}`)
