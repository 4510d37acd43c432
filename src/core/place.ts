/** Where a run can be found while it goes on, and what it may use: for whoever watches it from another process. */
export interface RunPlace {
  /** The host id of the plugin's user. */
  readonly uid: number
  /** Its cgroup directories; none without cgroups. */
  readonly leaves: readonly string[]
  /** What is mounted at its /data. */
  readonly data: string | null
  /** What its host calls it. Missing: of a run that an earlier version began. */
  readonly instance?: string | null
  readonly limits: {
    readonly memoryBytes: number
    /** Processors. */
    readonly cpu: number
    readonly processesMax: number
    readonly filesMax: number
  }
}
