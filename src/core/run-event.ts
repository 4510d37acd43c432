/** Something that happened while a plugin ran and belongs into the audit trail; its subject is the plugin. */
export interface RunEvent {
  readonly atMs: number
  readonly kind: string
  readonly details: Readonly<Record<string, unknown>>
}
