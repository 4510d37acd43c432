import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

const checkout = join(import.meta.dirname, '../../..')
const PATH = `${join(checkout, 'node_modules/.bin')}:/usr/bin:/bin`

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** A real shell with our completion, in a folder and with a home: what it proposes for each line, sorted. */
export class CompletingShell {
  readonly #shell: Shell
  readonly #folder: string
  readonly #home: string

  constructor(shell: Shell, folder: string, home: string) {
    this.#shell = shell
    this.#folder = folder
    this.#home = home
    writeFileSync(join(folder, `.completion.${shell}`), this.#run('plugins', ['completion', shell]))
  }

  /** Words without blanks; the last one is the one that is completed. */
  propose(lines: readonly (readonly string[])[]): string[][] {
    return this.#raw(lines.map((words) => ['plugins', ...words])).map((found) =>
      [...new Set(found.map((one) => one.replace(/[ /]$/, '')))].filter((one) => one !== '').sort(),
    )
  }

  #raw(lines: readonly (readonly string[])[]): string[][] {
    const script = `.completion.${this.#shell}`
    switch (this.#shell) {
      case 'bash': {
        const ask = `source ${script}
          while IFS= read -r line; do
            COMP_WORDS=(); read -ra COMP_WORDS <<<"$line"; [[ $line == *' ' ]] && COMP_WORDS+=('')
            COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _plugins
            printf '%s\\n' "\${COMPREPLY[@]}" =
          done`
        const input = lines.map((words) => `${words.join(' ')}\n`).join('')
        return sections(this.#run('bash', ['--norc', '-c', ask], input), /^=$/)
      }
      case 'zsh': {
        const drive = join(import.meta.dirname, 'drive.zsh')
        return sections(this.#run('zsh', ['-f', drive, script, ...lines.map((words) => words.join(' '))]), /^=/)
      }
      case 'fish': {
        const ask = `source ${script}; for line in $argv; complete -C $line; echo =; end`
        const args = ['--no-config', '-c', ask, '--', ...lines.map((words) => words.join(' '))]
        return sections(this.#run('fish', args).replaceAll(/\t.*$/gm, ''), /^=$/)
      }
    }
  }

  #run(command: string, args: readonly string[], input = ''): string {
    return execFileSync(command, args, {
      cwd: this.#folder,
      input,
      encoding: 'utf8',
      timeout: 60_000,
      env: { PATH, HOME: this.#folder, BULKHEAD_HOME: this.#home, TERM: 'xterm', LANG: 'C.UTF-8' },
    })
  }
}

function sections(text: string, end: RegExp): string[][] {
  const found: string[][] = [[]]
  for (const line of text.trimEnd().split('\n')) {
    if (end.test(line)) found.push([])
    else found.at(-1)?.push(line)
  }
  return found.slice(0, -1)
}
