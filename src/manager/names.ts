import { resolve } from 'node:path'
import { Layout } from '../core/layout.ts'
import type { PluginName } from '../core/name.ts'
import { namesOfReleases } from '../store/index.ts'
import { defaultHome, type HostOptions } from './host.ts'

/** What may be installed here, for a shell that completes a name. It makes nothing, recovers nothing and locks nothing. */
export function likelyNames({ home }: Pick<HostOptions, 'home'>): readonly PluginName[] {
  return namesOfReleases(new Layout(resolve(home ?? defaultHome(process.geteuid?.() ?? 0))).plugins)
}
