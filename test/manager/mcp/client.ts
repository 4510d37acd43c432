// An MCP host: the official client, with as many servers as it is told. Run as a program it says "ready" when all have
// answered, and waits: what happens to them when it is killed is for a test to see.

import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

export interface Connected {
  readonly client: Client
  /** Of the process that the client started: the launcher, once it has handed itself over. */
  readonly pid: number
}

export interface Servers {
  readonly command: string
  readonly args: readonly string[]
  readonly count: number
}

/** A few at a time, as a host that starts would not either begin with fifty processes at once. */
const AT_ONCE = 4

export async function connectAll({ command, args, count }: Servers): Promise<Connected[]> {
  const connected: Connected[] = []
  let begun = 0
  const connectSome = async (): Promise<void> => {
    while (begun < count) {
      begun++
      const transport = new StdioClientTransport({ command, args: [...args], stderr: 'inherit' })
      const client = new Client({ name: 'test-host', version: '1.0.0' })
      await client.connect(transport, { timeout: 120_000 })
      connected.push({ client, pid: transport.pid ?? 0 })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, connectSome))
  return connected
}

export async function call({ client }: Connected, name: string, text: string): Promise<string> {
  const { content } = (await client.callTool({ name, arguments: { text } })) as { content: { text: string }[] }
  return content.map((part) => part.text).join('')
}

if (process.argv[1] === import.meta.filename) {
  const connected = await connectAll(JSON.parse(process.argv[2] ?? '') as Servers)
  process.stdout.write(`ready ${connected.map(({ pid }) => pid).join(' ')}\n`)
}
