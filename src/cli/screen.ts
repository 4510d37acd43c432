import type { Io } from './io.ts'

const ENTER = '\u001b[?1049h\u001b[?25l'
const LEAVE = '\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * Text that is shown again and again in one place: on the terminal's other screen, so that what was there before comes
 * back, with the last text below it.
 */
export class LiveScreen {
  readonly #io: Io
  #last = ''
  #isOpen = false

  constructor(io: Io) {
    this.#io = io
  }

  show(text: string): void {
    if (!this.#isOpen) this.#io.stdout(ENTER)
    this.#isOpen = true
    this.#last = text
    // One more line than fits would scroll the first one away.
    const lines = text.trimEnd().split('\n')
    const room = Math.max(1, (this.#io.rows ?? lines.length) - 1)
    const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more`]
    this.#io.stdout(`${HOME}${shown.map((line) => `${line}${CLEAR_LINE}\r\n`).join('')}${CLEAR_BELOW}`)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#io.stdout(`${LEAVE}${this.#last}`)
  }
}
