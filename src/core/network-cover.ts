/**
 * Whether who may reach `agreed` may reach `to` as well; both as a manifest or this host's policy writes them. `*:443` is any
 * host at that port, `*.example.com:443` every name below it and not itself.
 */
export function covers(agreed: string, to: string): boolean {
  if (agreed === to) return true
  const [wide, narrow] = [parted(agreed), parted(to)]
  if (wide.port !== narrow.port) return false
  if (wide.host === '*') return true
  return wide.host.startsWith('*.') && narrow.host.endsWith(wide.host.slice(1))
}

function parted(entry: string): { host: string; port: string } {
  const colon = entry.lastIndexOf(':')
  return { host: entry.slice(0, colon), port: entry.slice(colon + 1) }
}
