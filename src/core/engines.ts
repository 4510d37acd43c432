import type { Layer } from './layers.ts'

/** Who builds the sandbox of a run: our own launcher, or an OCI runtime from a bundle. */
export const ENGINES = ['native', 'runc', 'crun', 'runsc'] as const
export type EngineName = (typeof ENGINES)[number]

export const isEngine = (text: string): text is EngineName => (ENGINES as readonly string[]).includes(text)

/** Required layers that an engine cannot give. A run goes without them by name, or not at all. */
export const LACKING: Readonly<Record<EngineName, readonly Layer[]>> = {
  native: [],
  runc: [],
  crun: [],
  // It answers system calls itself, as one uid for all: the kernel's Landlock is out of reach, and its own ids are no namespace.
  runsc: ['uid', 'user-namespace', 'landlock'],
}

/**
 * Layers that a bundle always has: an engine cannot be told to leave them out. Without `no-new-privs` it takes a capability to
 * install Landlock and seccomp, and a container of ours has none.
 */
export const FIXED: Readonly<Record<EngineName, readonly Layer[]>> = {
  native: [],
  runc: ['uid', 'mount-namespace', 'pid-namespace', 'no-new-privs'],
  crun: ['uid', 'mount-namespace', 'pid-namespace', 'no-new-privs'],
  runsc: ['mount-namespace', 'pid-namespace'],
}
