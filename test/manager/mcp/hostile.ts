import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { type SandboxedOptions, type SandboxedTransport, sandboxed } from '../../../src/mcp.ts'
import type { ReleaseSpec } from '../../helpers/authority.ts'
import { SLOW } from '../../helpers/patience.ts'
import { HELLO, type Household, household, manifestOf } from '../household.ts'

/** A release of acme/hello that speaks `mcp` in Python: polite until the tool `hostile` is called, whose body is `body`. */
export const hostileServer = (body: string, rest: object = {}, start = ''): ReleaseSpec => ({
  files: {
    'server.py': `
import json, os, signal, sys, time
out = sys.stdout.buffer
def say(text):
    out.write(text.encode() if isinstance(text, str) else text)
    out.flush()
def tell(**message):
    say(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")
def answer(id, text):
    tell(id=id, result={"content": [{"type": "text", "text": text}]})
${start}
for line in sys.stdin.buffer:
    message = json.loads(line)
    id, method, params = message.get("id"), message.get("method"), message.get("params") or {}
    if method == "initialize":
        tell(id=id, result={"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}, "logging": {}}, "serverInfo": {"name": "small", "version": "1"}})
    elif method == "tools/list":
        tell(id=id, result={"tools": [{"name": "hostile", "inputSchema": {"type": "object"}}]})
    elif method == "tools/call" and params["name"] == "hostile":
${body
  .trim()
  .split('\n')
  .map((line) => `        ${line}`)
  .join('\n')}
    elif method == "tools/call":
        answer(id, params["arguments"].get("text", ""))
    elif id is not None and method:
        tell(id=id, result={})
`,
    'plugin.json': manifestOf({ protocol: 'mcp', entry: { runtime: 'python', path: 'server.py' }, ...rest }),
  },
})

/** A client that is connected to a server of this test's own home, and all that its transport has told. */
export interface Besieged {
  readonly house: Household
  readonly client: Client
  readonly transport: SandboxedTransport
  /** Codes of the errors that were told, in their order. */
  readonly told: unknown[]
  /** Resolves when the transport has said that it is closed. */
  readonly closed: Promise<void>
  readonly attack: () => Promise<unknown>
}

export async function besieged(t: TestContext, spec: ReleaseSpec, options: SandboxedOptions = {}): Promise<Besieged> {
  const house = await household(t)
  await house.install(spec)
  return connected(t, house, options)
}

export async function connected(t: TestContext, house: Household, options: SandboxedOptions = {}): Promise<Besieged> {
  const transport = sandboxed(house.manager, HELLO, options)
  const client = new Client({ name: 'test-host', version: '1.0.0' })
  const told: unknown[] = []
  client.onerror = (error) => told.push((error as { code?: unknown }).code)
  const closed = new Promise<void>((resolve) => (transport.onclose = resolve))
  await client.connect(transport)
  t.after(() => client.close())
  const attack = () => client.callTool({ name: 'hostile', arguments: {} }, undefined, { timeout: 30_000 })
  return { house, client, transport, told, closed, attack }
}

/** No process, run or file of a run, although nobody has swept. */
export async function assertNothingLeft({ house, transport }: Pick<Besieged, 'house' | 'transport'>): Promise<void> {
  assert.ok(transport.pid !== null)
  assert.equal(existsSync(`/proc/${transport.pid}`), false, 'the server goes on')
  assert.deepEqual(await house.manager.ps(), [])
  // The launcher's process is gone a moment after its report.
  for (let tries = 0; house.manager.history(HELLO, 1)[0]?.outcome === null && tries < 50 * SLOW; tries++)
    await sleep(20)
  assert.deepEqual(house.manager.history(HELLO, 1)[0]?.outcome, transport.end?.outcome)
  assert.deepEqual(readdirSync(house.layout.spool), [])
}

/** What a call that was refused says of why: the error of Bulkhead that the transport put there. */
export async function reasonOf(call: Promise<unknown>): Promise<{ code: string; details?: Record<string, never> }> {
  try {
    await call
  } catch (error) {
    const { data } = error as { data?: { code: string } }
    assert.ok(data, `${error}`)
    return data
  }
  throw new assert.AssertionError({ message: 'the call was answered' })
}

/** The most memory this process had while `work` was at it, beyond what it had before, in bytes. */
export async function memoryOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = before
  const look = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 5)
  try {
    await work()
  } finally {
    clearInterval(look)
  }
  return most - before
}
