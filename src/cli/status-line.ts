const CLEAR = '\r\u001b[K'

/** The last line of a terminal, written again and again while something goes on. */
export class StatusLine {
  readonly #write: (text: string) => void
  #isShown = false
  #isHeld = false

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  /** The text is one that a terminal may obey nothing of, and no wider than it. */
  show(text: string): void {
    if (text === '') this.clear()
    if (text === '' || this.#isHeld) return
    this.#isShown = true
    this.#write(`${CLEAR}${text}`)
  }

  clear(): void {
    if (!this.#isShown) return
    this.#isShown = false
    this.#write(CLEAR)
  }

  /** While a question waits for its answer nothing may be written over it. */
  hold(): Disposable {
    this.clear()
    this.#isHeld = true
    return {
      [Symbol.dispose]: () => {
        this.#isHeld = false
      },
    }
  }
}
