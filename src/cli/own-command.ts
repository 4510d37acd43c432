import { realpathSync } from 'node:fs'

/**
 * How another process starts this command, whatever its environment: words that go before the arguments. Whole paths alone: a
 * name would be looked for in a `PATH` that is not ours to know, and may begin with a folder of somebody else's project.
 */
export const ownCommand = (script: string, node: string): readonly [command: string, script: string] => [
  node,
  realpathSync(script),
]
