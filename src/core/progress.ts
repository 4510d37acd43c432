import type { PluginName } from './name.ts'

/** What a long change says of itself while it goes on; for whoever waits, never for a decision. */
export type Progress =
  | {
      readonly kind: 'bytes'
      readonly what: 'download'
      readonly name: PluginName
      readonly done: number
      readonly total: number | null
    }
  | {
      readonly kind: 'files'
      readonly what: 'unpack' | 'verify'
      readonly name: PluginName
      readonly done: number
      readonly total: number
    }
  /** One sentence, such as "waiting for process 4711, which updates acme/hello". */
  | { readonly kind: 'step'; readonly name: PluginName; readonly text: string }

export type OnProgress = (progress: Progress) => void
