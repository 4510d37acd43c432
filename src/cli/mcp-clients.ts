import { UsageError } from '../index.ts'

/** Where an MCP client keeps the servers it starts, and in which shape, as its documentation has it. */
export interface McpClient {
  readonly title: string
  /** The object of the file that has a member for each server. */
  readonly key: string
  /** The entry has to say that it is started, not called by HTTP. */
  readonly saysType: boolean
  /** Beginnings of what it replaces in a command, by its documentation, such as variables. */
  readonly replaces: string | null
  /** For people: in which file that is, on Linux. */
  readonly file: string
}

export const MCP_CLIENTS = {
  generic: {
    title: 'an MCP client',
    key: 'mcpServers',
    saysType: false,
    replaces: null,
    file: "the client's own configuration",
  },
  'claude-desktop': {
    title: 'Claude Desktop',
    key: 'mcpServers',
    saysType: false,
    replaces: null,
    file: '~/.config/Claude/claude_desktop_config.json',
  },
  'claude-code': {
    title: 'Claude Code',
    key: 'mcpServers',
    saysType: true,
    replaces: '${',
    file: '.mcp.json at the root of a project, or ~/.claude.json for all of them',
  },
  vscode: {
    title: 'VS Code',
    key: 'servers',
    saysType: true,
    replaces: '${',
    file: '.vscode/mcp.json in a workspace, or mcp.json of the user profile ("MCP: Open User Configuration")',
  },
  cursor: {
    title: 'Cursor',
    key: 'mcpServers',
    saysType: false,
    replaces: '${',
    file: '~/.cursor/mcp.json, or .cursor/mcp.json in a project',
  },
  'gemini-cli': {
    title: 'Gemini CLI',
    key: 'mcpServers',
    saysType: false,
    replaces: '$',
    file: '~/.gemini/settings.json, or .gemini/settings.json in a project',
  },
  zed: { title: 'Zed', key: 'context_servers', saysType: false, replaces: null, file: '~/.config/zed/settings.json' },
} as const satisfies Readonly<Record<string, McpClient>>

export type McpClientName = keyof typeof MCP_CLIENTS

/** A program and its arguments, as a client starts it. */
export interface McpCommand {
  readonly command: string
  readonly args: readonly string[]
}

/**
 * The part of the client's file, to be merged into what is there.
 *
 * @throws UsageError of a path that the client would read as another one: what is started then would be no choice of this host
 */
export function mcpConfig(
  { title, key, saysType, replaces }: McpClient,
  servers: readonly (McpCommand & { readonly key: string })[],
): Readonly<Record<string, Readonly<Record<string, object>>>> {
  for (const word of servers.flatMap(({ command, args }) => [command, ...args])) {
    if (replaces === null || !word.includes(replaces)) continue
    const what = `it puts something else in the place of "${replaces}…", and that is in ${JSON.stringify(word)}`
    throw new UsageError('USAGE', `cannot make an entry for ${title}: ${what}`, {
      hint: `a path without "$" is none that a client replaces`,
    })
  }
  const entries = servers.map(({ key: name, command, args }) => [
    name,
    { ...(saysType ? { type: 'stdio' } : {}), command, args },
  ])
  return { [key]: Object.fromEntries(entries) }
}
