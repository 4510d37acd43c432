/** Numbers below a bound, the same on every machine for one seed: a failure can be repeated. */
export type Random = (below: number) => number

export function randomFrom(seed: number): Random {
  let state = seed >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

export const pick = <T>(from: readonly T[], random: Random): T => from[random(from.length)] as T

/** A seed for each name, so that a target's inputs do not depend on which others are fuzzed beside it. */
export function seedFor(seed: number, name: string): number {
  let mixed = seed >>> 0
  for (const character of name) mixed = (Math.imul(mixed ^ character.charCodeAt(0), 0x01000193) + 0x9e3779b9) >>> 0
  return mixed
}
