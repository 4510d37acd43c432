import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { Unexpected } from './score.mjs'

/** The official MCP client talks to the sandboxed server, and knows nothing of a sandbox. */
export async function conversation(demo) {
  const { screen, shell, score } = demo
  screen.chapter('An MCP client talks to the sandboxed server')
  screen.say('The client is @modelcontextprotocol/sdk, set up as any MCP host would be:')
  screen.show('{ "command": "plugins", "args": ["run", "acme/everything"] }\n')

  const { command, cli, env, cwd } = shell.server
  const args = [cli, 'run', 'acme/everything']
  const transport = new StdioClientTransport({ command, args, env, cwd, stderr: 'pipe' })
  let complaints = ''
  transport.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text
  })
  const client = new Client({ name: 'bulkhead-demo', version: '1.0.0' })
  const ended = shell.runs(() => client.close())
  try {
    await talk(demo, client, transport)
  } catch (error) {
    if (error instanceof Unexpected) throw error
    score.expect(false, `the MCP client got no answer: ${error.message}; the server said: ${complaints.trim()}`)
  } finally {
    await client.close()
    ended()
  }
  screen.gap()
  screen.passed('the answers are right, and the server sees nothing of the environment of its caller')
}

async function talk({ screen, shell, score }, client, transport) {
  const started = performance.now()
  await client.connect(transport, { timeout: 20_000 })
  const { name, version } = client.getServerVersion()
  screen.show(`connected to ${name} ${version} in ${Math.round(performance.now() - started)} ms`)
  const { tools } = await client.listTools()
  screen.show(`it has ${tools.length} tools: ${tools.map((tool) => tool.name).join(', ')}\n`)
  score.expect(tools.length > 5, `the server offers ${tools.length} tools, expected more than 5`)

  const call = async (tool, args) => {
    const { content } = await client.callTool({ name: tool, arguments: args })
    const text = content.map((part) => part.text).join('')
    screen.show(`${tool} ${JSON.stringify(args)}\n -> ${text.replaceAll(/\s+/g, ' ')}`)
    return text
  }
  const echo = await call('echo', { message: 'ahoy from outside' })
  score.expect(echo === 'Echo: ahoy from outside', `the echo tool answered "${echo}"`)
  const sum = await call('get-sum', { a: 19, b: 23 })
  score.expect(sum === 'The sum of 19 and 23 is 42.', `the get-sum tool answered "${sum}"`)
  const seen = JSON.parse(await call('get-env', {}))
  score.expect(seen.PLUGIN_NAME === 'acme/everything', `the server believes to be ${seen.PLUGIN_NAME}`)
  const { HOME, BULKHEAD_HOME } = shell.server.env
  const leaked = Object.values(seen).some((value) => value === HOME || value === BULKHEAD_HOME)
  score.expect(!leaked, "the server sees its caller's environment")
}
