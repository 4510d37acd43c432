// `@bulkhead/plugins/mcp`: a sandboxed MCP server for the official client, or any other with the same `Transport`. It has
// nothing of the SDK in it, and is in nobody's way who does not import it.
import { type SandboxedOptions, SandboxedTransport, type ServerHost } from './manager/mcp/sandboxed-transport.ts'

export type { RunEnd } from './manager/loaded/served-run.ts'
export type {
  SandboxedOptions,
  SandboxedTransport,
  ServerHost,
  ServerStats,
} from './manager/mcp/sandboxed-transport.ts'
export type { ChannelBounds, McpMessage } from './runtime/index.ts'

/**
 * An installed plugin that speaks `mcp`, as a transport for one connection: verified, confined and limited when the client
 * connects, and gone with all it has started when it closes.
 *
 * @example
 * await using plugins = await openManager()
 * const client = new Client({ name: 'my-host', version: '1.0.0' })
 * await client.connect(sandboxed(plugins, 'acme/everything', { range: '^2026' }))
 *
 * @throws UsageError naming the option, what was expected and what was found
 */
export function sandboxed(plugins: ServerHost, name: string, options: SandboxedOptions = {}): SandboxedTransport {
  return new SandboxedTransport(plugins, name, options)
}
