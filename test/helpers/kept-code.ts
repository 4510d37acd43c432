import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Script } from 'node:vm'

const KEPT_SCRIPT = join(import.meta.dirname, '../../src/cli/kept-script.cjs')

/** Scripts of one length. What they say is in a function that is compiled when it is called, not before. */
const saying = (word: 'good' | 'evil'): string => `(function (exports) { exports.says = () => { return '${word}' } })\n`

/** A script that says `good`, in a folder of its own, and the folder where its compiled form is kept. */
export class KeptCode implements Disposable {
  readonly #top = mkdtempSync('/tmp/bulkhead-kept-')
  readonly script = join(this.#top, 'script.cjs')
  readonly folder = join(this.#top, 'cache')

  constructor() {
    this.rewrite('good')
  }

  rewrite(word: 'good' | 'evil'): void {
    writeFileSync(this.script, saying(word))
  }

  says(): string {
    return this.#run('').says
  }

  /** As `plugins run` does: all of the way, up to the hand-over. `false` when nothing would be written at that. */
  handOver(): boolean {
    return this.#run("process.execve('/bin/true', [])").isTold
  }

  /** In a process of its own: what V8 has compiled of a text it takes for the same text again. */
  #run(ending: string): { says: string; isTold: boolean } {
    const program = `
      const instead = (process.execve = () => {})
      const { says } = require(${JSON.stringify(KEPT_SCRIPT)}).load(...process.argv.slice(1))
      const answer = { says: says(), isTold: process.execve !== instead }
      ${ending}
      console.log(JSON.stringify(answer))`
    const options = { encoding: 'utf8', timeout: 5_000 } as const
    return JSON.parse(execFileSync(process.execPath, ['-e', program, this.script, this.folder], options))
  }

  get files(): string[] {
    return existsSync(this.folder) ? readdirSync(this.folder) : []
  }

  get file(): string {
    return join(this.folder, String(this.files[0]))
  }

  /** How many hand-overs have added to it. */
  get runs(): number | undefined {
    return readFileSync(this.file)[32]
  }

  /** Puts `code` into the place of what is kept, with the digest that belongs to it. */
  plant(code: Buffer): void {
    const digests = [readFileSync(this.script), code].map((bytes) => hash('sha256', bytes, 'buffer'))
    writeFileSync(
      this.file,
      Buffer.concat([hash('sha256', Buffer.concat(digests), 'buffer'), Buffer.alloc(8, 2), code]),
    )
  }

  [Symbol.dispose](): void {
    rmSync(this.#top, { recursive: true })
  }
}

/** What V8 makes of the script that says `evil`, once all of it has run. */
export function evilCode(): Buffer {
  const script = new Script(saying('evil'))
  const exports = {} as { says(): string }
  script.runInThisContext()(exports)
  exports.says()
  return script.createCachedData()
}
