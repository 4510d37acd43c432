import assert from 'node:assert/strict'
import {
  globSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { getDefaultEnvironment, StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { MCP_CLIENTS } from '../../src/cli/mcp-clients.ts'
import { ownCommand } from '../../src/cli/own-command.ts'
import { everyVerb } from '../../src/cli/verbs/find.ts'
import { openManager } from '../../src/index.ts'
import { rewrite, trust } from '../manager/household.ts'
import { hostileServer } from '../manager/mcp/hostile.ts'
import { cannotLaunch } from '../runtime/plan/house.ts'
import { BIN, shell } from './cli.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

type Entry = { readonly type?: string; readonly command: string; readonly args: string[] }

/** A release of another name that speaks another protocol, or the same. */
const named = (name: string, protocol: string) => {
  const { files = {} } = hostileServer('answer(id, "ahoy")', { name, protocol })
  return { name, files }
}

async function host(t: Parameters<typeof shell>[0], ...plugins: readonly (readonly [string, string])[]) {
  const own = await shell(t)
  for (const [name, protocol] of plugins) {
    const { code, stderr } = own.plugins(['install', own.publish(named(name, protocol)), '--yes'])
    assert.equal(code, 0, stderr)
  }
  return own
}

test('what it prints starts the server, with the environment of an MCP client and with none at all', {
  skip,
}, async (t) => {
  const own = await host(t, ['acme/weather', 'mcp'], ['acme/hello', 'stdio'])
  const { code, stdout, stderr } = own.plugins(['mcp-config'])
  assert.equal(code, 0, stderr)
  const { mcpServers } = JSON.parse(stdout) as { mcpServers: Record<string, Entry> }
  assert.deepEqual(Object.keys(mcpServers), ['acme-weather'])
  const entry = mcpServers['acme-weather'] ?? assert.fail('no entry')
  assert.deepEqual(
    Object.keys(getDefaultEnvironment()).filter((name) => name.startsWith('BULKHEAD')),
    [],
  )
  for (const server of [entry, { command: '/usr/bin/env', args: ['-i', entry.command, ...entry.args] }]) {
    const client = new Client({ name: 'test', version: '1.0.0' })
    await client.connect(new StdioClientTransport({ ...server, cwd: '/', stderr: 'inherit' }))
    const { tools } = await client.listTools()
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['hostile'],
    )
    await client.close()
  }
  assert.match(stderr, /into "mcpServers" of .*; nothing was written/)
})

test('each client has the shape of its own file', async (t) => {
  const own = await host(t, ['acme/weather', 'mcp'])
  const shapes: Record<string, readonly [key: string, type: string | undefined]> = {
    generic: ['mcpServers', undefined],
    'claude-desktop': ['mcpServers', undefined],
    'claude-code': ['mcpServers', 'stdio'],
    vscode: ['servers', 'stdio'],
    cursor: ['mcpServers', undefined],
    'gemini-cli': ['mcpServers', undefined],
    zed: ['context_servers', undefined],
  }
  assert.deepEqual(Object.keys(shapes), Object.keys(MCP_CLIENTS))
  const found = everyVerb().find(([[word]]) => word === 'mcp-config')?.[1].flags?.[0]?.kind
  assert.deepEqual(found, Object.keys(MCP_CLIENTS), 'what the option takes')
  const args = [BIN, '--home', own.layout.home, 'run', 'acme/weather']
  for (const [client, [key, type]] of Object.entries(shapes)) {
    const { code, stdout, stderr } = own.plugins(['mcp-config', 'acme/weather', '--client', client])
    assert.equal(code, 0, stderr)
    const entry = { ...(type === undefined ? {} : { type }), command: process.execPath, args }
    assert.deepEqual(JSON.parse(stdout), { [key]: { 'acme-weather': entry } })
    assert.ok(stderr.includes(MCP_CLIENTS[client as keyof typeof MCP_CLIENTS].file), stderr)
    const quiet = own.plugins(['--quiet', 'mcp-config', '--client', client])
    assert.deepEqual([quiet.stdout, quiet.stderr], [stdout, ''])
  }
})

test('as one document it has the servers, the file and the part of the file', async (t) => {
  const own = await host(t, ['acme/weather', 'mcp'])
  const { code, value } = own.json(['mcp-config', '--client', 'zed'])
  assert.equal(code, 0)
  const { client, file, key, servers, config } = value as Record<string, never> & { servers: object[]; config: object }
  assert.deepEqual([client, file, key], ['zed', '~/.config/zed/settings.json', 'context_servers'])
  const args = [BIN, '--home', own.layout.home, 'run', 'acme/weather']
  const server = { name: 'acme/weather', version: '1.0.0', state: 'installed', key: 'acme-weather' }
  assert.deepEqual(servers, [{ ...server, args, command: process.execPath }])
  assert.deepEqual(config, { context_servers: { 'acme-weather': { command: process.execPath, args } } })
})

test('what is not installed, or speaks another protocol, is refused; what is disabled is told', async (t) => {
  const own = await host(t, ['acme/weather', 'mcp'], ['acme/hello', 'jsonrpc'])
  for (const [name, code, exit] of [
    ['acme/none', 'NOT_INSTALLED', 4],
    ['acme/hello', 'WRONG_PROTOCOL', 4],
    ['weather', 'USAGE', 2],
  ] as const) {
    const refused = own.json(['mcp-config', 'acme/weather', name])
    assert.equal((refused.value as { error: { code: string } }).error.code, code)
    assert.equal(refused.code, exit)
  }
  own.plugins(['disable', 'acme/weather'])
  const { code, stderr } = own.plugins(['mcp-config', 'acme/weather', 'acme/weather'])
  assert.equal(code, 0)
  assert.match(stderr, /acme\/weather 1\.0\.0 is disabled and will not start: plugins enable acme\/weather/)

  const none = await host(t, ['acme/hello', 'jsonrpc'])
  const { stdout, stderr: said } = none.plugins(['mcp-config'])
  assert.deepEqual([stdout, said], ['', 'no plugin that is installed speaks mcp\n'])
  assert.deepEqual((none.json(['mcp-config']).value as { config: object }).config, { mcpServers: {} })
})

test('one that was damaged is told, with its exit code, and keeps none of the others back', async (t) => {
  const own = await host(t, ['acme/weather', 'mcp'], ['acme/tides', 'mcp'])
  const [path = ''] = globSync(join(own.layout.plugins, 'acme/tides/*/root/plugin/plugin.json'))
  rewrite(path, '{}')
  const { code, stdout, stderr } = own.plugins(['mcp-config'])
  assert.equal(code, 3)
  assert.deepEqual(Object.keys(JSON.parse(stdout).mcpServers), ['acme-weather'])
  assert.match(stderr, /cannot trust acme\/tides 1\.0\.0: .*\nhint: plugins repair acme\/tides/)
  assert.match(own.plugins(['--quiet', 'mcp-config']).stderr, /^cannot trust acme\/tides/)
  const json = own.json(['mcp-config'])
  const document = json.value as { servers: { name: string }[]; refused: { code: string }[] }
  assert.equal(json.code, 3)
  assert.deepEqual(
    [document.servers.map(({ name }) => name), document.refused.map(({ code }) => code)],
    [['acme/weather'], ['MODIFIED']],
  )
  assert.equal(own.plugins(['mcp-config', 'acme/weather']).code, 0)
  assert.equal(own.plugins(['mcp-config', 'acme/weather', 'acme/tides']).stdout, '', 'of what was named all or nothing')

  await using plugins = await openManager({ home: own.layout.home })
  await assert.rejects(plugins.mcpServers(), { code: 'MODIFIED' })
})

test('two plugins never have one key, and the home is named where a client could not know it', async (t) => {
  const own = await shell(t)
  const plugins = await openManager({ home: own.layout.home })
  t.after(() => plugins.close())
  await trust(own.layout, own.publisher, '*/*')
  for (const name of ['a-b/c', 'a/b-c']) await plugins.install(own.publish(named(name, 'mcp')), { consent: () => true })
  const servers = await plugins.mcpServers()
  assert.deepEqual(
    servers.map(({ key, args }) => [key, args]),
    [
      ['a-b_c', ['--home', own.layout.home, 'run', 'a-b/c']],
      ['a-b-c', ['--home', own.layout.home, 'run', 'a/b-c']],
    ],
  )
  // Whether the other is asked for or not: entries are merged into a file one by one.
  for (const { name, key } of servers) assert.deepEqual((await plugins.mcpServers([name]))[0]?.key, key)
})

test('the command is no name that a PATH of somebody else could answer to', (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bulkhead-own-')))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [script, link] = [join(folder, 'bin.js'), join(folder, 'plugins')]
  writeFileSync(script, '')
  symlinkSync(script, link)
  for (const found of [script, link]) assert.deepEqual(ownCommand(found, process.execPath), [process.execPath, script])
})

test('a path with anything in it is one word of the entry, and what a client would replace is refused', async (t) => {
  const own = await host(t, ['acme/weather', 'mcp'])
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-odd-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const home = join(folder, 'a "b" \'c\'\n\\{"x":1}, \x24{env:HOME}')
  renameSync(own.layout.home, home)
  const entry = (client: string) => own.plugins(['--home', home, '--quiet', 'mcp-config', '--client', client])
  const { stdout } = entry('generic')
  const args = [BIN, '--home', home, 'run', 'acme/weather']
  assert.deepEqual(JSON.parse(stdout), { mcpServers: { 'acme-weather': { command: process.execPath, args } } })
  for (const client of ['claude-code', 'vscode', 'cursor', 'gemini-cli']) {
    const { code, stdout, stderr } = entry(client)
    assert.deepEqual([code, stdout], [2, ''], client)
    assert.match(stderr, /cannot make an entry for .*\$.*\\n/)
  }
})

test('the page for people has the same clients and files', () => {
  const page = readFileSync(new URL('../../docs/mcp.md', import.meta.url), 'utf8')
  for (const [name, { file, key }] of Object.entries(MCP_CLIENTS))
    for (const word of name === 'generic' ? [] : [name, key, file.split(/[ ,]/)[0]])
      assert.ok(page.includes(`\`${word}\``), `${name}: ${word}`)
})
