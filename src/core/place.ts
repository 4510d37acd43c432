/** Where a run can be found while it goes on, and what it may use: for whoever watches it from another process. */
export interface RunPlace {
  /** The host id of the plugin's user. */
  readonly uid: number
  /** Its cgroup directories; none without cgroups. */
  readonly leaves: readonly string[]
  /** What is mounted at its /data. */
  readonly data: string | null
  readonly limits: {
    readonly memoryBytes: number
    /** Processors. */
    readonly cpu: number
    readonly processesMax: number
    readonly filesMax: number
  }
}
