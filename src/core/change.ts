/** One thing that is not as it was when a plugin was installed. */
export interface Change {
  readonly what:
    | 'bulkhead'
    | 'bundle'
    | 'evidence'
    | 'policy'
    | 'principal'
    | 'revocation'
    | 'root'
    | 'rule'
    | 'signers'
  /** One line for a person. */
  readonly detail: string
  /** `null`: there was none. */
  readonly before: unknown
  /** `null`: there is none any more. */
  readonly after: unknown
}
