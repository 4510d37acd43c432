const BYTE = '(?:\\d|[1-9]\\d|1\\d\\d|2[0-4]\\d|25[0-5])'
/** Dotted decimal without leading zeros: 010 is eight to some programs and ten to others. */
const V4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`)
/** What ends in a number is an address to most programs (`127.1`, `0x7f.1`), and none of ours is written so. */
const NUMERIC = /(?:^|\.)\d[0-9a-fx]*$/

const NAME_MAX = 253

/** `host:port` or `*.host:port`; DNS names in lower case, or an IPv4 address. */
export const NETWORK_ENTRY =
  /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*:(?:[1-9]\d{0,4})$/

/** What somebody may agree to: an entry of a manifest, or `*:443`, which a host's own policy adds to the list. */
export function isNetworkTerm(text: string): boolean {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon)
  const isEntry = host === '*' ? /^\*:[1-9]\d{0,4}$/.test(text) : NETWORK_ENTRY.test(text) && faultOfHost(host) === null
  return isEntry && Number(text.slice(colon + 1)) <= 65_535
}

/** Why the host of a `host:port` that looks like one is none after all, or `null`. */
export function faultOfHost(host: string): string | null {
  if (NUMERIC.test(host) && !V4.test(host)) return 'is neither a name nor an IPv4 address'
  // Nobody can agree to `*.com` with open eyes: anyone may have a name there.
  if (/^\*\.[^.]*$/.test(host)) return 'covers a whole top-level domain: name the domain below it'
  return host.length > NAME_MAX ? `has a name of more than ${NAME_MAX} characters` : null
}

/** `ADDRESS:PORT`, an IPv6 address in brackets and in lower case: one address, in a spelling that all programs agree on. */
export function isExactAddress(text: string): boolean {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon)
  const port = text.slice(colon + 1)
  if (colon < 1 || !/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) return false
  return host.startsWith('[') ? host.endsWith(']') && isV6(host.slice(1, -1)) : V4.test(host)
}

/** `0.0.0.0:80`: who dials it arrives at the loopback, whatever its reader took it for. */
export const isUnspecified = (text: string): boolean => /^\[?[0:]*(?:ffff:)?0\.|^\[[0:]*\]/.test(text)

/** The launcher reads it by the same rule: at most one `::`, for at least one group, and at the end perhaps an IPv4 address. */
function isV6(text: string): boolean {
  const halves = text.split('::')
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)?.at(-1) ?? ''
  const hasV4 = V4.test(last)
  const hex = hasV4 ? groups.flat().slice(0, -1) : groups.flat()
  const count = hex.length + (hasV4 ? 2 : 0)
  const isWhole = halves.length === 1 ? count === 8 : halves.length === 2 && count <= 7
  return isWhole && hex.every((group) => /^[0-9a-f]{1,4}$/.test(group))
}
