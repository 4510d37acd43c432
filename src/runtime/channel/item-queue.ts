/** Above this an item waits as the line that it came in: as values it can take twenty times as much. */
const VALUE_MAX = 16_384

/** What gives the item of a message when it is taken. */
export const itemOf = (item: unknown, line: string): (() => unknown) =>
  line.length <= VALUE_MAX ? asValue(item) : asLine(line)

// Apart from one another, so that neither keeps what the other has.
const asValue = (item: unknown) => () => item
const asLine = (line: string) => () => (JSON.parse(line) as { params: { item: unknown } }).params.item

/** Items of a stream that came and were not taken yet. What sends them may only send as many as it was granted. */
export class ItemQueue {
  #items: (() => unknown)[] = []
  #granted: number
  #taken: (() => void) | null = null
  #end: { readonly error: Error | null } | null = null

  constructor(window: number) {
    this.#granted = window
  }

  /** `false`: it was not granted that many. */
  put(item: () => unknown): boolean {
    if (this.#granted === 0) return false
    this.#granted--
    this.#items.push(item)
    this.#wake()
    return true
  }

  grant(count: number): void {
    this.#granted += count
  }

  end(error: Error | null): void {
    this.#end ??= { error }
    this.#wake()
  }

  get hasEnded(): boolean {
    return this.#end !== null
  }

  /** The next item, or `null` at the end. @throws the error it ended with, after the last item */
  async next(): Promise<{ readonly item: unknown } | null> {
    while (this.#items.length === 0) {
      if (this.#end?.error) throw this.#end.error
      if (this.#end !== null) return null
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#taken = resolve
      await promise
    }
    return { item: this.#items.shift()?.() }
  }

  #wake(): void {
    this.#taken?.()
    this.#taken = null
  }
}
