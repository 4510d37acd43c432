import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { planRun, type RunPlan } from '../../src/runtime/plan.ts'
import { encodeSpec } from '../../src/runtime/spec.ts'
import { inputOf } from './plan/input.ts'

const plan = planRun(inputOf({ entry: { runtime: 'node', path: 'main.js' } }, { args: ['x'] }))

function fieldsOf(bytes: Buffer): [key: string, value: string][] {
  const fields = bytes.toString('utf8').split('\0')
  assert.equal(fields.pop(), '', 'every field ends with NUL')
  return fields.map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)])
}

test('a specification begins with its version and ends with its end', () => {
  const fields = fieldsOf(encodeSpec(plan))
  assert.deepEqual(fields[0], ['version', '1'])
  assert.deepEqual(fields.at(-1), ['end', '1'])
})

test('every value of the plan is in it', () => {
  const fields = fieldsOf(encodeSpec(plan, { control: true }))
  const one = (key: string) => fields.find(([name]) => name === key)?.[1]
  assert.equal(one('run'), 'r-1')
  assert.equal(one('mode'), 'root')
  assert.equal(one('uid'), '1879048192')
  assert.equal(one('skeleton'), '/usr')
  assert.equal(one('bind-exec'), '/opt/node/bin/node\t/usr/bin/node')
  assert.equal(one('memory-bytes'), String(256 * 2 ** 20))
  assert.equal(one('cpu-permille'), '500')
  assert.equal(one('cgroup2-controllers'), 'memory,pids,cpu,io')
  assert.equal(one('io-device'), '254:0')
  assert.equal(one('io-bytes-per-second'), String(200 * 2 ** 20))
  assert.equal(one('control'), '1')
  assert.equal(one('sample-ms'), '10000')
  assert.deepEqual([one('alert-memory'), one('alert-cpu'), one('alert-files')], ['80', '90', '80'])
  assert.equal(one('log-file'), '/home/logs/acme/tried/r-1.log')
  assert.equal(one('log-bytes'), String(2 ** 20))
  assert.deepEqual(
    fields.filter(([key]) => key === 'arg').map(([, value]) => value),
    [...plan.argv],
  )
  assert.equal(one('report-file'), undefined)
})

test('a network is told with its limits, and without one neither', () => {
  const private_ = [{ to: '10.0.0.1:443', from: 'config' }] as const
  const asking = inputOf({ permissions: { network: ['a.example:443', '*.b.example:80'] }, limits: { connections: 7 } })
  const network = (input: typeof asking) =>
    fieldsOf(encodeSpec(planRun(input))).filter(([key]) => /^(?:network|connections)/.test(key))
  assert.deepEqual(network({ ...asking, network: { ...asking.network, private: private_ } }), [
    ['network', 'a.example:443'],
    ['network', '*.b.example:80'],
    ['network-private', '10.0.0.1:443'],
    ['connections', '7'],
    ['network-bytes', String(2 ** 30)],
  ])
  assert.deepEqual(network({ ...asking, network: { ...asking.network, allow: [], private: private_ } }), [])
})

test('the layer that no launcher knows is not told to it', () => {
  const weaker = fieldsOf(encodeSpec({ ...plan, weaker: ['data-quota', 'landlock'] })).filter(
    ([key]) => key === 'weaker',
  )
  assert.deepEqual(weaker, [['weaker', 'landlock']])
})

const tampered: [string, Partial<RunPlan>][] = [
  ['an argument with a NUL', { argv: ['x', 'a\0uid=0'] }],
  ['a variable with a NUL', { env: { A: 'x\0weaker=seccomp' } }],
  ['a variable named with a NUL', { env: { 'A\0uid': '0' } }],
  ['a variable named with =', { env: { 'A=B': 'c' } }],
  ['a name with a NUL', { name: 'acme/x\0uid=0' }],
  ['a bind with a tab', { binds: [{ outside: '/etc\t/plugin', inside: '/usr/x', executable: true }] }],
  ['a bind with a newline', { binds: [{ outside: '/etc\n', inside: '/usr/x', executable: true }] }],
  ['a bind that climbs', { binds: [{ outside: '/usr/../etc', inside: '/usr/x', executable: true }] }],
  ['a relative root', { root: 'root' }],
  ['a root with an empty part', { root: '/a//b' }],
  ['a working folder that climbs', { cwd: '/plugin/..' }],
  ['a lone surrogate', { argv: ['\ud800'] }],
  ['a number that is none', { tmpInodes: Number.NaN }],
  ['a negative number', { graceMs: -1 }],
  ['a fraction', { tmpInodes: 1.5 }],
]
for (const [what, change] of tampered) {
  test(`refuses ${what}`, () => {
    assert.throws(() => encodeSpec({ ...plan, ...change }), { code: 'USAGE', message: /^cannot pass / })
  })
}

test('refuses more fields and more bytes than the launcher reads', () => {
  assert.throws(() => encodeSpec({ ...plan, argv: Array(4097).fill('') }), { code: 'USAGE', message: /4096/ })
  assert.throws(() => encodeSpec({ ...plan, argv: ['x'.repeat(2 ** 20)] }), { code: 'USAGE', message: /1048576/ })
})

test('no argument, however strange, makes a second field of itself', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
        { maxLength: 8 },
      ),
      (argv) => {
        const read = fieldsOf(encodeSpec({ ...plan, argv }))
        assert.deepEqual(
          read.filter(([key]) => key === 'arg').map(([, value]) => value),
          argv,
        )
        assert.equal(read.filter(([key]) => key === 'uid').length, 1)
      },
    ),
  )
})
