import { rmdirSync } from 'node:fs'
import { dirname } from 'node:path'

const STAYS: readonly string[] = ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'EBUSY']

/** After the folder of a plugin, that of its namespace, once nothing is in it. The kernel looks: what comes meanwhile stays. */
export function dropEmptyNamespace(folderOfPlugin: string): void {
  try {
    rmdirSync(dirname(folderOfPlugin))
  } catch (error) {
    // Others of the namespace are there, there never was any, or somebody has mounted a disk at it.
    if (!STAYS.includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
