/** What a run uses at one moment. `null`: the kernel gives no figure here. */
export interface RunFigures {
  /** Since it began. */
  readonly cpuMs: number | null
  /** Without the pages of files that the kernel would give up first. */
  readonly memoryBytes: number | null
  /** Threads too, where a cgroup counts them. */
  readonly processes: number | null
  /** The largest number of descriptors that one of its processes has open. */
  readonly files: number | null
  /** From and to a device, since it began. */
  readonly ioReadBytes: number | null
  readonly ioWriteBytes: number | null
}

export const NO_FIGURES: RunFigures = {
  cpuMs: null,
  memoryBytes: null,
  processes: null,
  files: null,
  ioReadBytes: null,
  ioWriteBytes: null,
}
