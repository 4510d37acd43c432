/** A smaller input that still does it: parts are taken away, large ones first, as long as `does` holds of what is left. */
export async function minimise(
  bytes: Buffer,
  does: (candidate: Buffer) => boolean | Promise<boolean>,
  bounds: { readonly tries: number; readonly ms: number },
): Promise<Buffer> {
  const end = performance.now() + bounds.ms
  let { tries } = bounds
  let smallest = bytes
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length; ) {
      if (tries-- <= 0 || performance.now() > end) return smallest
      const candidate = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)])
      if (await does(candidate)) smallest = candidate
      else at += size
    }
  }
  return smallest
}
