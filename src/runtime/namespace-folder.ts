import { rmdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** After the folder of a plugin, that of its namespace, once nothing is in it. The kernel looks: what comes meanwhile stays. */
export function dropEmptyNamespace(folderOfPlugin: string): void {
  try {
    rmdirSync(dirname(folderOfPlugin))
  } catch {
    // Others of the namespace are there, or there never was any.
  }
}
