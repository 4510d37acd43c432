import { openManager, type PluginError } from '../../index.ts'
import type { Io } from '../io.ts'
import { MCP_CLIENTS, type McpClientName, mcpConfig } from '../mcp-clients.ts'
import { homeOf, type Settings } from '../options.ts'
import { ownCommand } from '../own-command.ts'

export interface McpConfigFlags {
  readonly client: McpClientName
}

/** Prints what a client's file needs; never writes into one. Of those that cannot be looked at it says why, and exits as for them. */
export async function mcpConfigOf(settings: Settings, io: Io, names: readonly string[], { client }: McpConfigFlags) {
  await using manager = await openManager(homeOf(settings))
  const refused: PluginError[] = []
  const found = await manager.mcpServers(names, { onRefused: (error) => refused.push(error) })
  const exitCode = Math.max(0, ...refused.map((error) => error.exitCode))
  const [command, ...before] = ownCommand(process.argv[1] ?? '', process.execPath)
  const servers = found.map((server) => ({ ...server, command, args: [...before, ...server.args] }))
  const { title, key, file } = MCP_CLIENTS[client]
  const config = mcpConfig(MCP_CLIENTS[client], servers)
  if (settings.json) {
    io.stdout(`${JSON.stringify({ client, file, key, servers, config, refused }, null, 2)}\n`)
    return exitCode
  }
  for (const { message, hint } of refused) io.stderr(`${message}${hint === undefined ? '' : `\nhint: ${hint}`}\n`)
  if (servers.length === 0) {
    if (!settings.quiet) io.stderr('no plugin that is installed speaks mcp\n')
    return exitCode
  }
  io.stdout(`${JSON.stringify(config, null, 2)}\n`)
  if (settings.quiet) return exitCode
  io.stderr(`\nfor ${title}: into "${key}" of ${file}; nothing was written\n`)
  for (const { name, version, state } of servers)
    if (state !== 'installed') io.stderr(`${name} ${version} is ${state} and will not start: plugins enable ${name}\n`)
  if (process.geteuid?.() === 0) io.stderr('this home is of root: a client of another user cannot start them\n')
  return exitCode
}
