// An MCP server that says what it should not: the transport is closed with the reason, whoever waits learns it, the host's
// memory stays bounded, and nothing of the server is left.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertNothingLeft, besieged, hostileServer, memoryOf, reasonOf } from '../../manager/mcp/hostile.ts'
import { cannotLaunch } from '../../runtime/plan/house.ts'

const skip = cannotLaunch
if (skip !== false) console.log(`skipped: ${skip}`)

const BREAKS: Readonly<Record<string, readonly [body: string, code: string, says: RegExp]>> = {
  'prints what is no JSON': ['print("hello", flush=True)', 'MESSAGE_INVALID', /it is not JSON/],
  'sends a batch': ['say("[]\\n")', 'MESSAGE_INVALID', /it is not an object/],
  'sends bytes that are not UTF-8': ['say(b"\\xff\\xfe{}\\n")', 'MESSAGE_INVALID', /it is not UTF-8/],
  'leaves out the version': ['say("{}\\n")', 'MESSAGE_INVALID', /"jsonrpc" is not "2.0"/],
  'asks and answers in one': ['tell(id=id, method="ping", result={})', 'MESSAGE_INVALID', /both "method" and "result"/],
  'answers with a text': ['tell(id=id, result="ok")', 'MESSAGE_INVALID', /"result" is no object/],
  'tells with an array': ['tell(method="notifications/message", params=[])', 'MESSAGE_INVALID', /"params" is an array/],
  'answers what nobody asked': ['tell(id=99, result={})', 'MESSAGE_INVALID', /that was not made/],
  'answers nobody': ['tell(id=None, error={"code": 1, "message": "x"})', 'MESSAGE_INVALID', /that was not made/],
  'answers twice': ['answer(id, "once")\nanswer(id, "again")\ntime.sleep(60)', 'MESSAGE_INVALID', /answers it twice/],
  'sends brackets without end': ['say("[" * 3_000_000 + "\\n")', 'MESSAGE_INVALID', /nested deeper/],
  'answers with an abyss': [
    'say(\'{"jsonrpc":"2.0","id":%d,"result":%s}\\n\' % (id, \'{"a":\' * 9999 + "1" + "}" * 9999))',
    'MESSAGE_INVALID',
    /nested deeper than 512/,
  ],
  'stops within a message and ends': ['say(\'{"jsonrpc": "2\')\nos._exit(3)', 'PLUGIN_ENDED', /it exited with 3/],
  'stops within a message and closes its output': [
    'say(\'{"jsonrpc": "2\')\nos.close(1)\ntime.sleep(60)',
    'MESSAGE_INVALID',
    /its output ended within a message/,
  ],
  'closes its output and goes on': [
    'os.close(1)\ntime.sleep(60)',
    'MESSAGE_INVALID',
    /it closed its input or its output and goes on/,
  ],
  crashes: ['os.kill(os.getpid(), signal.SIGSEGV)', 'PLUGIN_ENDED', /SIGSEGV ended it/],
}

for (const [what, [body, code, says]] of Object.entries(BREAKS)) {
  test(`a server that ${what} is ended, and whoever waits is told ${code}`, { skip }, async (t) => {
    const siege = await besieged(t, hostileServer(body))
    const answer = siege.attack().catch((error: unknown) => error)
    await siege.closed
    const { error } = siege.transport.end ?? assert.fail('it has no end')
    assert.equal(error.code, code)
    assert.match(error.message, says)
    assert.deepEqual(siege.told, [code])
    const { data } = (await answer) as { data?: { code: string } }
    if (what !== 'answers twice') assert.equal(data?.code, code)
    await assertNothingLeft(siege)
    await assert.rejects(siege.transport.send({ jsonrpc: '2.0' }), { code })
  })
}

test('a line of 1 GiB ends at the bound of a message, and costs the host no more than a few of them', {
  skip,
}, async (t) => {
  const body = 'part = b"x" * 2**20\nfor _ in range(1024):\n    say(part)\nsay("\\n")'
  const grownBy = async (messageBytes: number): Promise<number> => {
    const siege = await besieged(t, hostileServer(body), { bounds: { messageBytes } })
    const grown = await memoryOf(async () => {
      assert.equal((await reasonOf(siege.attack())).code, 'MESSAGE_TOO_LARGE')
      await siege.closed
    })
    t.diagnostic(`${messageBytes / 2 ** 20} MiB a message: ${(grown / 2 ** 20).toFixed(1)} MiB of memory`)
    await assertNothingLeft(siege)
    return grown
  }
  const grown = await grownBy(4 * 2 ** 20)
  assert.ok(grown < 64 * 2 ** 20, `${grown} bytes`)
  // What it costs where the bound is not there, or is far away.
  assert.ok((await grownBy(2 ** 28)) > 192 * 2 ** 20)
})

test('a bound that the host has set holds for what it sends, too', { skip }, async (t) => {
  const siege = await besieged(t, hostileServer('answer(id, "x" * 5000)'), { bounds: { messageBytes: 4096 } })
  const text = 'x'.repeat(5000)
  await assert.rejects(siege.client.callTool({ name: 'echo', arguments: { text } }), { code: 'MESSAGE_TOO_LARGE' })
  const { content } = (await siege.client.callTool({ name: 'echo', arguments: { text: 'ahoy' } })) as {
    content: object[]
  }
  assert.deepEqual(content, [{ type: 'text', text: 'ahoy' }])
  assert.equal((await reasonOf(siege.attack())).code, 'MESSAGE_TOO_LARGE')
  await siege.closed
  await assertNothingLeft(siege)
})

test('stderr without end is read, and held up by nobody', { skip }, async (t) => {
  let bytes = 0
  const body = 'for _ in range(64):\n    sys.stderr.buffer.write(b"y" * 2**20)\nsys.stderr.flush()\nanswer(id, "done")'
  const siege = await besieged(t, hostileServer(body), {
    onStderr: (chunk) => {
      bytes += chunk.length
    },
  })
  const { content } = (await siege.attack()) as { content: object[] }
  assert.deepEqual(content, [{ type: 'text', text: 'done' }])
  await siege.client.close()
  assert.ok(bytes > 2 ** 20, `${bytes}`)
})
