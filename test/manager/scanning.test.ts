import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { grant, revoke, TrustFile } from '../../src/verify/index.ts'
import { script } from '../helpers/script.ts'
import { HELLO, type Household, household } from './household.ts'

interface Scanner {
  readonly name?: string
  readonly body: string
  readonly args?: readonly string[]
  readonly timeout?: string
  readonly plugins?: readonly string[]
}

async function scannedBy(t: TestContext, ...scanners: readonly Scanner[]): Promise<Household> {
  const house = await household(t)
  const entries = scanners.map(({ name, body, args = [], ...rest }, at) => ({
    name: name ?? `scanner-${at}`,
    command: [script(t, body), ...args],
    ...rest,
  }))
  writeFileSync(house.layout.configFile, JSON.stringify({ scanners: entries }), { mode: 0o600 })
  await house.reopen()
  return house
}

const scans = (house: Household) => house.manager.audit(HELLO, 100).filter(({ kind }) => kind === 'scanned')

test('a scanner is told what is to be installed, and finds it in staging, as it will be', async (t) => {
  const house = await household(t)
  const out = join(house.layout.home, '..')
  const body = [
    `cat > ${out}/asked.json`,
    `env | grep ^BULKHEAD_PLUGIN_ | sort > ${out}/env`,
    `ls "$BULKHEAD_PLUGIN_PATH" > ${out}/files`,
    `cat "$BULKHEAD_PLUGIN_PATH/main.js" > ${out}/main.js`,
    `ls -A ${house.layout.plugins} > ${out}/plugins 2>&1 || true`,
  ].join('\n')
  const command = [script(t, body)]
  writeFileSync(house.layout.configFile, JSON.stringify({ scanners: [{ name: 'look', command }] }), { mode: 0o600 })
  await house.reopen()
  const report = await house.install({ files: { 'lib/a.js': 'x' } })
  const asked = JSON.parse(readFileSync(join(out, 'asked.json'), 'utf8'))
  assert.deepEqual(
    { ...asked, path: '' },
    {
      name: HELLO,
      version: '1.0.0',
      sha256: report.sha256,
      path: '',
      manifest: { name: HELLO, version: '1.0.0', entry: { runtime: 'node', path: 'main.js' } },
      signers: [house.publisher.keyId],
    },
  )
  assert.ok(asked.path.startsWith(`${house.layout.staging}/`))
  assert.deepEqual(readFileSync(join(out, 'env'), 'utf8').trim().split('\n'), [
    `BULKHEAD_PLUGIN_NAME=${HELLO}`,
    `BULKHEAD_PLUGIN_PATH=${asked.path}`,
    `BULKHEAD_PLUGIN_SHA256=${report.sha256}`,
    'BULKHEAD_PLUGIN_VERSION=1.0.0',
  ])
  assert.deepEqual(readFileSync(join(out, 'files'), 'utf8'), 'lib\nmain.js\nplugin.json\n')
  assert.equal(readFileSync(join(out, 'main.js'), 'utf8'), 'console.log("hello")\n')
  assert.doesNotMatch(readFileSync(join(out, 'plugins'), 'utf8'), /acme/, 'nothing has its name yet')
  assert.equal((await house.manager.verify(HELLO)).ok, true)
})

test('scanners are asked in their order, and the first refusal ends it; each answer is in the trail', async (t) => {
  const house = await scannedBy(
    t,
    { name: 'first', body: `echo '{"verdict":"pass","findings":[{"rule":"r1","level":"note"}]}'` },
    { name: 'second', body: `echo '{"verdict":"refuse","reason":"holds Eicar-Test"}'` },
    { name: 'third', body: 'touch /nonexistent' },
  )
  await assert.rejects(house.install(), {
    code: 'SCANNER_REFUSED',
    exitCode: 3,
    message: `cannot install ${HELLO} 1.0.0: the scanner second refused it (holds Eicar-Test)`,
    details: { scanner: 'second', findings: [], findingsCount: 0 },
  })
  assert.deepEqual(house.manager.list(), [])
  assert.deepEqual(readdirSync(house.layout.staging), [])
  assert.equal(existsSync(house.layout.plugins), false)
  assert.deepEqual(
    house.raw((db) => db.prepare('SELECT * FROM installations').all()),
    [],
  )
  const told = scans(house).map(({ details }) => [details.scanner, details.verdict, details.findings])
  assert.deepEqual(told, [
    ['first', 'pass', ['{"rule":"r1","level":"note"}']],
    ['second', 'refuse', []],
  ])
  for (const { details } of scans(house)) assert.equal(typeof details.wallMs, 'number')
  assert.equal(house.manager.audit(null, 1)[0]?.details.code, 'SCANNER_REFUSED')
})

test('exit 1 refuses, with the last line of standard error as the reason', async (t) => {
  const house = await scannedBy(t, { body: 'echo scanning >&2; echo main.js: FOUND >&2; exit 1' })
  await assert.rejects(house.install(), { code: 'SCANNER_REFUSED', message: /main\.js: FOUND/ })
  assert.deepEqual(house.manager.list(), [])
  assert.deepEqual(readdirSync(house.layout.staging), [])
})

test('a scanner that gives no verdict refuses, whatever went wrong, and what was installed stays', async (t) => {
  const house = await household(t)
  await house.install()
  const cases: readonly [string, Scanner, RegExp][] = [
    ['exit 2', { body: 'echo no database >&2; exit 2' }, /expected exit code 0 or 1, found 2 \(no database\)/],
    ['signal', { body: 'kill -KILL $$' }, /SIGKILL ended it/],
    ['time', { body: 'sleep 60', timeout: '200ms' }, /did not end within 200 ms/],
    ['flood', { body: 'cat /dev/zero' }, /more than 1048576 bytes/],
    ['text', { body: 'echo OK' }, /is not JSON/],
    ['verdict', { body: `echo '{"verdict":"maybe"}'` }, /no verdict that is/],
  ]
  for (const [what, { body, ...rest }, message] of cases) {
    const scanners = [{ name: 'broken', command: [script(t, body)], ...rest }]
    writeFileSync(house.layout.configFile, JSON.stringify({ scanners }), { mode: 0o600 })
    await house.reopen()
    await assert.rejects(house.install({ version: '2.0.0' }), { code: 'SCANNER_FAILED', exitCode: 3, message }, what)
    assert.equal(house.manager.list()[0]?.version, '1.0.0', what)
    assert.deepEqual(readdirSync(house.layout.staging), [], what)
    assert.equal((await house.manager.verify(HELLO)).ok, true, what)
  }
})

test('a scanner is asked about the plugins of its patterns alone', async (t) => {
  const house = await scannedBy(
    t,
    { body: 'exit 1', plugins: ['acme/other', 'else/*'] },
    { name: 'right', body: 'true', plugins: ['acme/*'] },
  )
  await house.install()
  assert.deepEqual(
    scans(house).map(({ details }) => details.scanner),
    ['right'],
  )
})

test('without scanners nothing is told of scanning', async (t) => {
  const house = await household(t)
  await house.install()
  assert.deepEqual(scans(house), [])
})

test('trust that is withdrawn while a scanner works is not too late: the release is verified again', async (t) => {
  const house = await household(t)
  const out = join(house.layout.home, '..')
  const body = `touch ${out}/at-work; while [ ! -e ${out}/go-on ]; do sleep 0.05; done`
  const scanners = [{ name: 'slow', command: [script(t, body)] }]
  writeFileSync(house.layout.configFile, JSON.stringify({ scanners }), { mode: 0o600 })
  await house.reopen()
  const installing = house.install()
  installing.catch(() => {}) // awaited below
  while (!existsSync(join(out, 'at-work'))) await new Promise((resolve) => setTimeout(resolve, 20))
  const trustFile = new TrustFile(house.layout.trustFile, process.geteuid?.() ?? 0)
  await trustFile.edit((document) => revoke(document, { target: house.publisher.keyId, reason: 'stolen' }, new Date()))
  writeFileSync(join(out, 'go-on'), '')
  await assert.rejects(installing, { code: 'KEY_REVOKED' })
  assert.deepEqual(house.manager.list(), [])
})

test('a change of trust that does not concern the release only has it scanned again', async (t) => {
  const house = await household(t)
  const out = join(house.layout.home, '..')
  const body = `echo x >> ${out}/times; touch ${out}/at-work; while [ ! -e ${out}/go-on ]; do sleep 0.05; done`
  const scanners = [{ name: 'slow', command: [script(t, body)] }]
  writeFileSync(house.layout.configFile, JSON.stringify({ scanners }), { mode: 0o600 })
  await house.reopen()
  const installing = house.install()
  while (!existsSync(join(out, 'at-work'))) await new Promise((resolve) => setTimeout(resolve, 20))
  const trustFile = new TrustFile(house.layout.trustFile, process.geteuid?.() ?? 0)
  const { publicKey } = house.publisher.key
  await trustFile.edit((document) => grant(document, { credential: { publicKey }, pattern: 'else/*' }))
  writeFileSync(join(out, 'go-on'), '')
  assert.equal((await installing).name, HELLO)
  assert.equal(readFileSync(join(out, 'times'), 'utf8'), 'x\nx\n')
})
