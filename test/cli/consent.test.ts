import assert from 'node:assert/strict'
import { test } from 'node:test'
import { approvals } from '../../src/cli/commands/approvals.ts'
import { hold, unhold } from '../../src/cli/commands/hold.ts'
import { type InstallFlags, install } from '../../src/cli/commands/install.ts'
import { asking, decided } from '../manager/consenting.ts'
import { HELLO, type Household, household } from '../manager/household.ts'

/** A command without a terminal, unless there is an answer; everything it printed. */
function desk(house: Household, { json = false, quiet = false, answer = null as boolean | null } = {}) {
  const said = { stdout: '', stderr: '' }
  const settings = { home: house.layout.home, json, quiet, color: false, columns: 80 }
  const io = {
    stdout: (text: string | Uint8Array) => {
      said.stdout += text
    },
    stderr: (text: string) => {
      said.stderr += text
    },
    confirm: async (question: string) => {
      said.stderr += question
      return answer
    },
    secret: async () => null,
    columns: 80,
    rows: null,
    ending: () => new AbortController().signal,
  }
  return { said, settings, io }
}

const WANTS = { permissions: { network: ['api.example.com:443'], env: ['TOKEN'] }, limits: { memory: '2G' } }

async function installed(house: Household, path: string, flags: InstallFlags, answer: boolean | null = null) {
  const { said, settings, io } = desk(house, { answer })
  await install(settings, io, [path], flags)
  return said
}

test('a first install is summed up, with what the host cuts', async (t) => {
  const house = await household(t)
  const path = house.publish(asking('1.0.0', { ...WANTS, health: { path: 'bin/x' }, description: 'Says hello' }))
  const { stderr } = await installed(house, path, {}, true)
  const lines = stderr.split('\n')
  assert.deepEqual(lines.slice(0, 9), [
    'acme/hello 1.0.0',
    '  says         "Says hello"',
    '  signed by',
    `  | ${house.publisher.keyId}`,
    '  runs as      exec, stdio',
    '  network      api.example.com:443',
    '  reads        none',
    '  environment  TOKEN',
    '  runs itself  health',
  ])
  assert.match(stderr, /^ {2}limits {7}memory 1G, cpu 0\.5, .*\n(?: {2}\| .*\n)+ {2}cut here {5}memory 2G to 1G$/m)
  assert.match(stderr, /Install acme\/hello 1\.0\.0\?/)
  assert.ok(
    lines.every((line) => line.length <= 80),
    stderr,
  )
})

test('an update shows what is new alone, and marks what was agreed to beforehand', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0'))
  const path = house.publish(asking('1.1.0', WANTS))
  const { stderr } = await installed(house, path, { grant: ['env=TOKEN'] }, true)
  assert.equal(
    stderr.split('\n\n')[0],
    [
      'acme/hello 1.1.0, in place of 1.0.0',
      '  signed by',
      `  | ${house.publisher.keyId}`,
      '  new since 1.0.0:',
      '+ network      api.example.com:443',
      '+ environment  TOKEN (agreed to beforehand)',
      '+ memory       1G, was 128M',
      '  cut here     memory 2G to 1G',
    ].join('\n'),
  )
})

test('without a terminal the error names what is missing and the flags that agree to it; with them it is installed', async (t) => {
  const house = await household(t)
  const path = house.publish(asking('1.0.0', WANTS))
  await assert.rejects(installed(house, path, {}), {
    code: 'CONSENT_NEEDED',
    message:
      'cannot ask whether to install acme/hello 1.0.0: there is no terminal, and nobody has agreed to: network api.example.com:443; environment TOKEN; memory 1G, was 128M',
    hint: '--yes agrees to what it asks for; --grant network=api.example.com:443 --grant env=TOKEN --grant limit=memory:1G to no more than that',
  })
  const said = await installed(house, path, { grant: ['network=api.example.com:443', 'env=TOKEN', 'limit=memory:1G'] })
  assert.match(said.stdout, /^installed acme\/hello 1\.0\.0\n$/)
})

test('approvals lists who agreed to what and when, and what waits, as text and as one document', async (t) => {
  const house = await household(t)
  await approvals(desk(house).settings, desk(house).io, undefined, {})
  await installed(house, house.publish(asking('1.0.0')), { yes: true })
  await decided(house.layout, house.publish(asking('1.1.0', WANTS)), { mode: 'hold' })
  const { said, settings, io } = desk(house)
  await approvals(settings, io, HELLO, {})
  const [header, row, blank, waits, ...rows] = said.stdout.split('\n')
  assert.match(header ?? '', /^TIME +NAME +VERSION +WAY +WHO$/)
  assert.match(row ?? '', /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}acme\/hello +1\.0\.0 +yes +\S+ \(\d+\)/)
  assert.equal(blank, '')
  assert.match(waits ?? '', /^acme\/hello 1\.1\.0 waits for somebody to agree, since /)
  assert.deepEqual(rows, [
    '+ network      api.example.com:443',
    '+ environment  TOKEN',
    '+ memory       1G, was 128M',
    '',
  ])
  assert.match(said.stderr, /plugins update acme\/hello/)
  const document = desk(house, { json: true })
  await approvals(document.settings, document.io, undefined, { limit: '1' })
  const report = JSON.parse(document.said.stdout)
  assert.deepEqual([report.approvals.length, report.approvals[0].way, report.waiting[0].version], [1, 'yes', '1.1.0'])
  assert.equal(document.said.stderr, '')
})

test('what waits is shown in rows of ours, however long a path is', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0'))
  const read = [`/usr/share/${'+ network      none '.repeat(20)}`]
  await decided(house.layout, house.publish(asking('1.1.0', { permissions: { read } })), { mode: 'hold' })
  const { said, settings, io } = desk(house)
  await approvals(settings, io, HELLO, {})
  const [, waits = ''] = said.stdout.split('agree, since ')
  const [, ...rows] = waits.trimEnd().split('\n')
  assert.ok(rows.length > 3)
  for (const row of rows) {
    assert.ok(row.length <= 80, row)
    assert.match(row, /^(?:\+ reads| {2}\| )/)
  }
})

test('where nobody has agreed to anything, that is said beside the data', async (t) => {
  const house = await household(t)
  const { said, settings, io } = desk(house)
  await approvals(settings, io, undefined, {})
  assert.deepEqual(said, { stdout: '', stderr: 'nobody has agreed to anything yet\n' })
})

test('hold takes a duration or a date, lists what is held, and unhold takes it away', async (t) => {
  const house = await household(t)
  await house.install(asking('1.0.0'))
  const run = async (work: (at: ReturnType<typeof desk>) => Promise<unknown>, options = {}) => {
    const at = desk(house, options)
    await work(at)
    return at.said.stdout
  }
  assert.equal(
    await run(({ settings, io }) => hold(settings, io, HELLO, { until: '2999-01-01', reason: 'broken' })),
    'held acme/hello at 1.0.0 until 2999-01-01T00:00:00.000Z: broken\n',
  )
  const listed = await run(({ settings, io }) => hold(settings, io, undefined, {}))
  assert.match(
    listed,
    /^NAME +VERSION +UNTIL +BY +REASON\nacme\/hello +1\.0\.0 +2999-01-01T00:00:00\.000Z +.* broken\n$/,
  )
  const held = JSON.parse(await run(({ settings, io }) => hold(settings, io, HELLO, { until: '7d' }), { json: true }))
  const left = Date.parse(held.until) - Date.now()
  assert.ok(left > 6.9 * 86_400_000 && left <= 7 * 86_400_000, held.until)
  assert.equal(await run(({ settings, io }) => hold(settings, io, HELLO, {})), 'held acme/hello at 1.0.0\n')
  assert.equal(await run(({ settings, io }) => unhold(settings, io, HELLO)), 'no longer held: acme/hello\n')
  const { settings, io, said } = desk(house)
  await hold(settings, io, undefined, {})
  assert.deepEqual([said.stdout, said.stderr], ['', 'nothing is held\n\nhint: plugins hold NAME\n'])
  for (const until of ['7', '-1d', '11/05/2030', '2020-01-01'])
    await assert.rejects(hold(settings, io, HELLO, { until }), { code: 'USAGE' }, until)
  await assert.rejects(unhold(settings, io, HELLO), { code: 'WRONG_STATE' })
  await assert.rejects(hold(settings, io, 'acme/none', {}), { code: 'NOT_INSTALLED' })
})

test('what is installed is used as its protocol says', async (t) => {
  const house = await household(t)
  const ways = [
    ['stdio', /^run it: plugins run acme\/hello$/m],
    ['mcp', /^use it: plugins mcp-config acme\/hello, or sandboxed\(\)/m],
    ['jsonrpc', /^use it: plugins\.load\('acme\/hello'\)/m],
    ['grpc', /^use it: loadGoPlugin\(\)/m],
  ] as const
  for (const [at, [protocol, says]] of ways.entries()) {
    const { stderr } = await installed(house, house.publish(asking(`1.${at}.0`, { protocol })), { yes: true })
    assert.match(stderr, says)
  }
})
