/** What one side of a channel may cost the other. */
export interface ChannelBounds {
  /** Bytes of one message, either way. */
  readonly messageBytes: number
  /** Calls that wait for an answer. */
  readonly callsMax: number
  /** Bytes that were sent and not read yet; a message may go beyond it, and nothing after that. */
  readonly outboxBytes: number
  /** Calls and notices of the plugin in a second, each for every KiB it has; what is more has to wait in its pipe. */
  readonly inboundPerSecond: number
  /** Calls, and items of streams, whose time ran out, with no answer and no item in between: then it hangs, and is ended. */
  readonly lateInARow: number
}

export const CHANNEL_BOUNDS: ChannelBounds = {
  messageBytes: 4 * 2 ** 20,
  callsMax: 1024,
  outboxBytes: 8 * 2 ** 20,
  inboundPerSecond: 10_000,
  lateInARow: 16,
}
