const EVERY_MS = 100

/** Tells how far a transfer is ten times a second, and its end; a call for each packet would cost more than the packet. */
export function pacedBytes(tell: (done: number) => void, total: number): (done: number) => void {
  let lastMs = Number.NEGATIVE_INFINITY
  return (done) => {
    const nowMs = performance.now()
    if (done < total && nowMs - lastMs < EVERY_MS) return
    lastMs = nowMs
    tell(done)
  }
}
