import { likelyNames } from '../../index.ts'
import type { Io } from '../io.ts'
import type { Settings } from '../options.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

export async function completion(settings: Settings, io: Io, shell: Shell) {
  const script = await scriptFor(shell)
  io.stdout(settings.json ? `${JSON.stringify({ shell, script })}\n` : script)
}

async function scriptFor(shell: Shell): Promise<string> {
  switch (shell) {
    case 'bash':
      return (await import('../completion/bash.ts')).bashCompletion()
    case 'zsh':
      return (await import('../completion/zsh.ts')).zshCompletion()
    case 'fish':
      return (await import('../completion/fish.ts')).fishCompletion()
  }
}

/** What a shell proposes while somebody types. An error in the middle of their line would help nobody: there is no proposal then. */
export async function proposals(settings: Settings, io: Io, what: string) {
  const names = what === 'names' ? await likelyNames({ home: settings.home }).catch(() => []) : []
  io.stdout(settings.json ? `${JSON.stringify(names)}\n` : names.map((name) => `${name}\n`).join(''))
}
