/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  /** What of the file system is mounted here; not `/` behind a bind or a cgroup namespace. */
  readonly root: string
  readonly point: string
  readonly type: string
  /** What it was mounted from: a device of the host, or any text. */
  readonly source: string
  /** Options of the mount and of the file system together. */
  readonly options: readonly string[]
}

/** Lines that break the format are left out: a mount that cannot be read is one that is not there. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    const fields = line.split(' ')
    const dash = fields.indexOf('-', 6)
    const [, , , root, point, own] = fields
    const type = fields[dash + 1]
    const source = fields[dash + 2]
    const options = fields[dash + 3]
    if (dash < 0 || !root || !point || !own || !type || source === undefined || options === undefined) continue
    mounts.push({
      root: unescapeOctal(root),
      point: unescapeOctal(point),
      type,
      source: unescapeOctal(source),
      options: [...own.split(','), ...options.split(',')],
    })
  }
  return mounts
}

/** The kernel writes space, tab, newline and backslash as three octal digits, byte by byte. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/**
 * Is a part of /proc covered by another mount, as container engines do? Then the kernel refuses a new proc mount in a
 * user namespace (fs/namespace.c, mount_too_revealing), `subset=pid` or not. binfmt_misc lies on a folder that is
 * empty for ever, which the kernel lets pass.
 */
export function isProcMasked(mounts: readonly Mount[]): boolean {
  return mounts.some((mount) => mount.point.startsWith('/proc/') && mount.point !== '/proc/sys/fs/binfmt_misc')
}
