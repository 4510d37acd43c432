/** What a service of the local Sigstore does wrong, on purpose: each is one attack, or one bad day. */
export interface Misbehaviour {
  /** Left out; signed by a log that the trusted root does not know. */
  readonly sct?: 'missing' | 'forged'
  /**
   * Ended, or not yet begun, when the signature was made; signed by another authority of the same name; for another use;
   * with a second name beside the true one; without the issuer's extension; for another key than the asker's, which the
   * log then takes without looking.
   */
  readonly certificate?: 'expired' | 'future' | 'forged' | 'not-for-code' | 'two-names' | 'no-issuer' | 'other-key'
  /**
   * Every signature of the log by a key that the trusted root does not know; or only the promise, or only the
   * checkpoint; a checkpoint of another tree; a proof of another leaf; an entry about another signature; no promise;
   * no proof; a time before the certificate began.
   */
  readonly log?:
    | 'forged'
    | 'forged-promise'
    | 'forged-checkpoint'
    | 'other-tree'
    | 'other-leaf'
    | 'other-entry'
    | 'no-promise'
    | 'no-proof'
    | 'early'
  /**
   * Before the certificate began or after it ended; signed by an authority that the trusted root does not know; over
   * other bytes; with the three digits of a second that the libraries can read, or with one that they cannot.
   */
  readonly timestamp?: 'early' | 'late' | 'forged' | 'other-data' | 'milliseconds' | 'tenths'
  /** How a service answers whatever it is asked. */
  readonly answers?: Partial<Record<ServiceName, Answer>>
}

export type ServiceName = 'issuer' | 'fulcio' | 'rekor1' | 'rekor2' | 'timestamp'
/**
 * An error, a refusal that quotes what was sent, an answer that is no JSON, JSON of another shape, none at all, one
 * without end, or the connection cut.
 */
export type Answer = 'error' | 'echo' | 'garbage' | 'other-json' | 'silence' | 'endless' | 'cut'
