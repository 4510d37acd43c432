import { realpathSync } from 'node:fs'
import { join } from 'node:path'

/** Where a program is looked for when there is no PATH. */
const ALWAYS_SEARCHED = ['/usr/bin', '/bin']

/** How another process starts this command, whatever its environment: words that go before the arguments. */
export function ownCommand(
  script: string,
  node: string,
  folders: readonly string[] = ALWAYS_SEARCHED,
): readonly [command: string, ...args: string[]] {
  const own = realpathSync(script)
  // The script asks `env` for its Node, so both must be found where one always looks.
  const isFound = firstOf('plugins', folders) === own && firstOf('node', folders) === realpathSync(node)
  return isFound ? ['plugins'] : [node, own]
}

function firstOf(name: string, folders: readonly string[]): string | null {
  for (const folder of folders) {
    try {
      return realpathSync(join(folder, name))
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
  return null
}
