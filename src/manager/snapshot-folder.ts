import { rmdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Layout } from '../core/layout.ts'
import type { PluginName } from '../core/name.ts'

/** Deletes a snapshot, and the folders of its plugin and its namespace once nothing is in them. Safe to repeat. */
export async function forgetSnapshot(layout: Layout, name: PluginName, folder: string): Promise<void> {
  const { dropSnapshot } = await import('../runtime/data/snapshot.ts')
  const own = layout.snapshots(name)
  dropSnapshot(join(own, folder))
  for (const parent of [own, dirname(own)]) if (!removeEmpty(parent)) return
}

function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false
    if (code === 'ENOENT') return true
    throw error
  }
}
