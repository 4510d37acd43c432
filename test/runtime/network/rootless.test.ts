// Mode user: the relay of an ordinary caller, who may change no network but those of their own namespaces.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { needsRoot } from '../launcher/launch.ts'
import { CALLER, needsHelpers, runAs, subordinateUser } from '../launcher/user.ts'
import { clientProgram, echoInThread, toldBy } from './outside.ts'

const skip = needsRoot

async function tried(t: TestContext, uid: number, set: Record<string, string | number>) {
  const port = await echoInThread(t)
  const { stdout, report, ended, stderr } = runAs(
    uid,
    { connections: 8, 'network-bytes': 0, ...set },
    set.idmap === 'helper' ? ['memory'] : ['uid', 'memory'],
    clientProgram(),
    {
      args: [
        ...[
          'tcp',
          '127.0.0.1',
          `${port}`,
          'hello\n',
          'name',
          'localhost.own.test',
          `${port}`,
          'x',
          'query',
          'evil.own.test',
          '1',
        ],
        ...['tcp', '169.254.169.254', '80', 'x', 'tcp', '93.184.216.34', '443', 'x'],
      ],
      add: [
        ...['127.0.0.1', '*.own.test'].map((name) => ['network', `${name}:${port}`] as const),
        ['network', '169.254.169.254:80'],
        ['network-private', `127.0.0.1:${port}`],
      ],
    },
  )
  const { lines, decisions } = toldBy({ stdout, stderr, report, ended } as never)
  assert.equal(ended?.outcome, 'exited', `${stderr}${report}`)
  assert.deepEqual(lines, ['hello', 'no ECONNRESET', 'code 0 198.18.0.2', 'no ECONNRESET', 'no ECONNREFUSED'])
  assert.deepEqual(
    decisions.map(({ verdict, name }) => [verdict, name]),
    [
      ['allowed', '127.0.0.1'],
      ['allowed', 'localhost.own.test'],
      ['denied', '169.254.169.254'],
    ],
  )
  assert.ok((ended?.usage.networkBytes ?? 0) >= 12)
}

test('an ordinary caller’s plugin reaches what its list names, and no other', { skip }, async (t) => {
  await tried(t, CALLER, { uid: CALLER, gid: CALLER })
})

test('so does one under a subordinate uid', { skip: skip || needsHelpers }, async (t) => {
  const user = subordinateUser()
  if (typeof user === 'string') return void t.skip(user)
  await tried(t, user.uid, { uid: user.sub, gid: user.sub, idmap: 'helper' })
})
