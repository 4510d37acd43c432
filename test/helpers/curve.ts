/** Arithmetic of edwards25519, slow and from the definition: to find what the verifier must refuse, not to copy its table. */
export const PRIME = 2n ** 255n - 19n
export const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n
const D = mod(-121665n * inverse(121666n))

function mod(value: bigint): bigint {
  const rest = value % PRIME
  return rest < 0n ? rest + PRIME : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = (b * b) % PRIME) if (e & 1n) result = (result * b) % PRIME
  return result
}

function inverse(value: bigint): bigint {
  return power(mod(value), PRIME - 2n)
}

type Point = readonly [x: bigint, y: bigint]
const NEUTRAL: Point = [0n, 1n]

function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const product = mod(D * x1 * x2 * y1 * y2)
  return [mod((x1 * y2 + x2 * y1) * inverse(1n + product)), mod((y1 * y2 + x1 * x2) * inverse(1n - product))]
}

function times(scalar: bigint, point: Point): Point {
  let result = NEUTRAL
  for (let p = point, k = scalar; k > 0n; k >>= 1n, p = add(p, p)) if (k & 1n) result = add(result, p)
  return result
}

/** x from y, by RFC 8032 §5.1.3; `null` when there is no such point. */
function xOf(y: bigint): bigint | null {
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n))
  let x = power(square, (PRIME + 3n) / 8n)
  if (mod(x * x) !== square) x = mod(x * power(2n, (PRIME - 1n) / 4n))
  return mod(x * x) === square ? x : null
}

export function littleEndian(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
}

/** The eight points whose order divides 8: L times any point is one of them, and a generator of all is soon found. */
function smallOrderPoints(): readonly Point[] {
  for (let y = 2n; ; y++) {
    const x = xOf(y)
    if (x === null) continue
    const candidate = times(GROUP_ORDER, [x, y])
    const points = Array.from({ length: 8 }, (_, k) => times(BigInt(k), candidate))
    if (new Set(points.map(String)).size === 8) return points
  }
}

/** Every string of 32 bytes that some decoder reads as such a point: both signs, and y + p where it fits in 255 bits. */
export function allSmallOrderEncodings(): readonly Buffer[] {
  const ys = new Set(smallOrderPoints().map(([, y]) => y))
  return [...ys]
    .flatMap((y) => (y + PRIME < 2n ** 255n ? [y, y + PRIME] : [y]))
    .flatMap((y) => [littleEndian(y), littleEndian(y + 2n ** 255n)])
}
