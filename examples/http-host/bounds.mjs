// Everything that a stranger could ask more of, in one place. Bytes, milliseconds, or how many.

export const BOUNDS = {
  /** One request's body, and one message to or from a plugin. */
  bodyBytes: 256 * 1024,
  bodyDepth: 64,
  messageBytes: 256 * 1024,

  /** Sockets; Node refuses what comes after them. Times the two above it is what clients can make this process hold. */
  connections: 256,
  /** Until a request's head, and all of it, have come; and without any byte at all. */
  headMs: 5_000,
  requestMs: 10_000,
  silentMs: 60_000,
  keepAliveMs: 5_000,

  /** Plugins with sandboxes at a time, if `--plugins` does not say; and sandboxes of each. */
  plugins: 8,
  instances: 2,
  /** Of one plugin: requests at a time, and how many of them may be streams. */
  requests: 16,
  streams: 8,
  /** Of one plugin, in the long run and at once. */
  rate: { perSecond: 100, burst: 200 },
  /** For an answer, or the next item. A plugin's own `timeout` may be shorter. */
  callMs: 5_000,
  startMs: 20_000,
  /** A load that failed is not tried again before that. */
  failedMs: 2_000,
  /** So many calls of an instance in a row without an answer in time, and it is replaced. */
  lateInARow: 4,

  /** How long a client may take nothing of a response, and how long a whole stream may be. */
  untakenMs: 15_000,
  streamMs: 10 * 60_000,

  /** Pages that watch, how often they are told, and how much may wait for one that reads slowly. */
  watchers: 16,
  everyMs: 1_000,
  watcherBytes: 256 * 1024,
  /** Events of a plugin that are kept, and characters of each. */
  events: 12,
  eventText: 240,

  /** Between SIGTERM and the end of what is still being answered. */
  drainMs: 500,
}
