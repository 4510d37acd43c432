import { type Profiler, Session } from 'node:inspector'

const SOURCES = '/src/'

/**
 * Which code ran, as V8 counts it for its own debugger: no native fuzzer and no instrumented copy of the source. A question
 * costs about two milliseconds, so it is asked after a batch of inputs, and after each input of a batch that brought something.
 */
export class Coverage {
  readonly #session = new Session()
  /** By function: a 1 for each character of it that has been executed. */
  readonly #known = new Map<string, Uint8Array>()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Did anything run since the last question that never ran before? Counts start again. */
  hasNew({ remember }: { readonly remember: boolean }): boolean {
    let isNew = false
    for (const { url, functions } of this.#take()) {
      if (!url.includes(SOURCES)) continue
      for (const { ranges } of functions) if (this.#look(url, ranges, remember)) isNew = true
    }
    return isNew
  }

  /** Functions of the sources that ran, and characters in them. */
  get reached(): { functions: number; characters: number } {
    let characters = 0
    for (const map of this.#known.values()) for (const one of map) characters += one
    return { functions: this.#known.size, characters }
  }

  close(): void {
    this.#session.disconnect()
  }

  #take(): readonly Profiler.ScriptCoverage[] {
    let taken: readonly Profiler.ScriptCoverage[] = []
    // The callback comes before `post` returns: the session is one with this very thread.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error) throw error
      taken = answer.result
    })
    return taken
  }

  /** Ranges come outermost first, each a correction of the one around it. */
  #look(url: string, ranges: readonly Profiler.CoverageRange[], remember: boolean): boolean {
    const [whole] = ranges
    if (whole === undefined || whole.count === 0) return false
    const start = whole.startOffset
    const ran = new Uint8Array(whole.endOffset - start)
    for (const range of ranges) ran.fill(range.count > 0 ? 1 : 0, range.startOffset - start, range.endOffset - start)
    const key = `${url}:${start}:${whole.endOffset}`
    const known = this.#known.get(key)
    if (known === undefined) {
      if (remember) this.#known.set(key, ran)
      return true
    }
    let isNew = false
    for (let at = 0; at < ran.length; at++) {
      if (ran[at] === 0 || known[at] === 1) continue
      if (!remember) return true
      known[at] = 1
      isNew = true
    }
    return isNew
  }
}
