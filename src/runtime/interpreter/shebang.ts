/** The first line of a script: which program reads it, by its path, and the one argument that the line may carry. */
export interface Shebang {
  readonly program: string
  readonly argument: string | null
}

export type ShebangReading = Shebang | { readonly fault: string } | null

/** BINPRM_BUF_SIZE of Linux: the kernel looks at no more. */
export const SHEBANG_BYTES = 256

/** Only programs of the system; what a plugin could place in /usr/local or in a home is another matter. */
const PROGRAM = /^\/(?:usr\/)?bin\/[A-Za-z0-9][A-Za-z0-9._+-]*$/
/** `/usr/bin/env NAME` searches the PATH. We search it once, here, where a PATH is two folders. */
const ENV = /^\/(?:usr\/)?bin\/env$/
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/

/** `null`: not a script. The kernel's rules (execve(2)): everything after the program is one argument. */
export function parseShebang(head: Buffer): ShebangReading {
  if (head.length < 2 || head[0] !== 0x23 || head[1] !== 0x21) return null
  const end = head.indexOf(0x0a)
  if (end < 0 && head.length >= SHEBANG_BYTES) return { fault: `has a first line beyond ${SHEBANG_BYTES} bytes` }
  const line = head.toString('latin1', 2, end < 0 ? head.length : end)
  // A carriage return from another system would become a part of the program's name.
  if (/[^\x20-\x7e\t]/.test(line)) return { fault: 'has a byte in its first line that no path needs (CRLF?)' }
  const [, program = '', rest = ''] = /^[ \t]*(\S*)[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
  if (ENV.test(program)) {
    if (!NAME.test(rest)) return { fault: `asks env for "${rest}"; env may be given one name and nothing else` }
    return { program: `/usr/bin/${rest}`, argument: null }
  }
  if (!PROGRAM.test(program)) return { fault: `names "${program}"; a script's program lies in /bin or /usr/bin` }
  return { program, argument: rest === '' ? null : rest }
}
