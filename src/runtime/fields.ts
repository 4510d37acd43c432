/** A report or journal that does not keep SPEC.md: the launcher is another version, or something else wrote it. */
export class ReportFault extends Error {
  override readonly name = 'ReportFault'
}

/** Typed access to one object of what the launcher writes. By hand: a schema library would cost each run more than the launcher does. */
export class Fields {
  readonly #value: Readonly<Record<string, unknown>>

  constructor(value: unknown, what: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new ReportFault(`has a ${what} that is no object`)
    }
    this.#value = value as Record<string, unknown>
  }

  text(key: string): string {
    return this.#must(key, 'text', (value) => (typeof value === 'string' && value.length <= 4096 ? value : undefined))
  }
  count(key: string): number {
    return this.#must(key, 'a count', (value) => (Number.isSafeInteger(value) ? (value as number) : undefined))
  }
  textOrNull(key: string): string | null {
    return this.#value[key] === null ? null : this.text(key)
  }
  countOrNull(key: string): number | null {
    return this.#value[key] === null ? null : this.count(key)
  }
  oneOf<T extends string>(key: string, known: readonly T[]): T {
    return this.#must(key, `one of ${known.join(', ')}`, (value) => known.find((one) => one === value))
  }
  texts(key: string): string[] {
    return this.#must(key, 'a list of names', (value) =>
      Array.isArray(value) && value.length <= 64 && value.every((one) => typeof one === 'string') ? value : undefined,
    )
  }
  inner(key: string): Fields {
    return new Fields(this.#value[key], key)
  }
  innerOrNull(key: string): Fields | null {
    return this.#value[key] === null ? null : this.inner(key)
  }

  #must<T>(key: string, what: string, take: (value: unknown) => T | undefined): T {
    const taken = take(this.#value[key])
    if (taken === undefined || (typeof taken === 'number' && taken < 0)) {
      throw new ReportFault(`has "${key}" that is not ${what}`)
    }
    return taken
  }
}
