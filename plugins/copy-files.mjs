import { copyFileSync } from 'node:fs'
import { join } from 'node:path'

/** The named files of a plugin's source, as they are, for its build script. */
export function copyFiles(source, out, names) {
  for (const name of names) copyFileSync(join(source, name), join(out, name))
}
