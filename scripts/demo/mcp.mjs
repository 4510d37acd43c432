import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

/** The official MCP client talks to the sandboxed server, and knows nothing of a sandbox. */
export async function conversation({ screen, shell, score }) {
  screen.chapter('An MCP client talks to the sandboxed server')
  screen.say('The client is @modelcontextprotocol/sdk, set up as any MCP host would be:')
  screen.output('{ "command": "plugins", "args": ["run", "acme/everything"] }')
  screen.gap()

  const { command, cli, env, cwd } = shell.server
  const transport = new StdioClientTransport({
    command,
    args: [cli, 'run', 'acme/everything'],
    env,
    cwd,
    stderr: 'pipe',
  })
  let complaints = ''
  transport.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text
  })
  const client = new Client({ name: 'bulkhead-demo', version: '1.0.0' })
  const ended = shell.runs(() => client.close())
  const started = performance.now()
  try {
    await client.connect(transport, { timeout: 20_000 })
  } catch (error) {
    score.expect(false, `the MCP client could not connect: ${error.message}; the server said: ${complaints.trim()}`)
  }
  try {
    const { name, version } = client.getServerVersion()
    screen.output(`connected to ${name} ${version} in ${Math.round(performance.now() - started)} ms`)
    const { tools } = await client.listTools()
    screen.output(`it has ${tools.length} tools: ${tools.map((tool) => tool.name).join(', ')}`)
    score.expect(tools.length > 5, `the server offers ${tools.length} tools, expected more than 5`)
    screen.gap()

    const call = async (tool, args) => {
      const { content } = await client.callTool({ name: tool, arguments: args })
      const text = content.map((part) => part.text).join('')
      screen.output(`${tool} ${JSON.stringify(args)}\n  -> ${text.replaceAll(/\s+/g, ' ')}`)
      return text
    }
    const echo = await call('echo', { message: 'ahoy from outside' })
    score.expect(echo === 'Echo: ahoy from outside', `the echo tool answered "${echo}"`)
    const sum = await call('get-sum', { a: 19, b: 23 })
    score.expect(sum === 'The sum of 19 and 23 is 42.', `the get-sum tool answered "${sum}"`)
    const { HOME, BULKHEAD_HOME, PLUGIN_NAME } = JSON.parse(await call('get-env', {}))
    score.expect(PLUGIN_NAME === 'acme/everything', `the server believes to be ${PLUGIN_NAME}`)
    score.expect(BULKHEAD_HOME === undefined && HOME !== env.HOME, "the server sees its caller's environment")
  } finally {
    await client.close()
    ended()
  }
  screen.gap()
  screen.passed('the answers are right, and the server sees nothing of the environment of its caller')
}
