/** DESIGN §4: the layers without which nothing runs. Only these can be weakened by name, and it is recorded. */
export const REQUIRED_LAYERS = [
  'uid',
  'user-namespace',
  'mount-namespace',
  'pid-namespace',
  'net-namespace',
  'ipc-namespace',
  'no-new-privs',
  'seccomp',
  'landlock',
  'memory',
  'processes',
  'data-quota',
] as const
export type Layer = (typeof REQUIRED_LAYERS)[number]

export const isLayer = (text: string): text is Layer => (REQUIRED_LAYERS as readonly string[]).includes(text)
