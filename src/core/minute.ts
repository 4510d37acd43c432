/** A figure over the samples of a minute. */
export interface Figure {
  readonly average: number
  readonly peak: number
}

/** What a run used in one minute of its life, or in what it had of its last one. `null`: the kernel gave no figure. */
export interface Minute {
  /** When it began. */
  readonly atMs: number
  readonly ms: number
  readonly samples: number
  /** Thousandths of one processor. */
  readonly cpuPermille: Figure | null
  readonly memoryBytes: Figure | null
  readonly processes: Figure | null
  /** The largest number of descriptors that one process had open. */
  readonly filesPeak: number | null
  /** In this minute. */
  readonly ioReadBytes: number | null
  readonly ioWriteBytes: number | null
  readonly outputBytes: number
  readonly networkBytes: number | null
}
