/** One line of what a plugin wrote to its standard error, as its launcher kept it. */
export interface LogEntry {
  readonly run: string
  /** When it came. */
  readonly atMs: number
  /** Of its first byte, in what the run wrote to its standard error. */
  readonly position: number
  /** `line`: a whole one; `part`: one that had no end yet; `note`: a sentence of the launcher's own. */
  readonly kind: 'line' | 'part' | 'note'
  /** The plugin's words as they came, control characters among them; what is no UTF-8 is replaced. */
  readonly text: string
  /** The same, byte by byte, the line end too. */
  readonly bytes: Uint8Array
}
