import type { Io } from '../../src/cli/io.ts'

/** An `Io` that keeps what is written, in the order it came. */
export interface KeptIo extends Io {
  readonly out: string
  readonly err: string
  /** What the status line showed, one after the other; `''` where it was taken away. */
  readonly shown: readonly string[]
}

export function keptIo({ statusColumns, ...more }: Partial<Io> = {}): KeptIo {
  const kept = { out: '', err: '', shown: [] as string[] }
  const status = (line: string) => void kept.shown.push(line)
  return {
    stdout: (text) => {
      kept.out += text
    },
    stderr: (text) => {
      kept.err += text
    },
    confirm: async () => null,
    secret: async () => null,
    columns: 80,
    rows: null,
    ending: () => new AbortController().signal,
    ...(statusColumns === undefined ? {} : { statusColumns, status }),
    ...more,
    get out() {
      return kept.out
    },
    get err() {
      return kept.err
    },
    get shown() {
      return kept.shown
    },
  }
}
