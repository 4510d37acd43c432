/** DESIGN §3, `entry.runtime`: a program of the package itself, or one run by the host's interpreter. */
export const RUNTIMES = ['exec', 'node', 'python'] as const
export type Runtime = (typeof RUNTIMES)[number]

/** DESIGN §3, `protocol`: what the plugin speaks on stdin and stdout. */
export const PROTOCOLS = ['stdio', 'jsonrpc', 'mcp', 'grpc'] as const
export type Protocol = (typeof PROTOCOLS)[number]

export const PLATFORMS = ['linux/amd64', 'linux/arm64'] as const
export type Platform = (typeof PLATFORMS)[number]

const PLATFORM_OF: Readonly<Record<string, Platform>> = { x64: 'linux/amd64', arm64: 'linux/arm64' }
/** Node's name of a machine in the words of a manifest; one that no manifest can name has its own. */
export const platformOf = (arch: string): string => PLATFORM_OF[arch] ?? `linux/${arch}`

/**
 * The least a runtime starts with. Below it V8 does not fail but hangs (reclaim livelock without an OOM kill; a thread
 * pool that waits for threads it cannot make), so less is refused.
 */
export const FLOORS: Readonly<Record<Runtime, { memoryBytes: number; processesMax: number; filesMax: number }>> = {
  exec: { memoryBytes: 4 * 2 ** 20, processesMax: 1, filesMax: 8 },
  node: { memoryBytes: 96 * 2 ** 20, processesMax: 16, filesMax: 32 },
  python: { memoryBytes: 24 * 2 ** 20, processesMax: 2, filesMax: 16 },
}
