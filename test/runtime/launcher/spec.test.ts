// The specification is parsed at the door: whatever is wrong with it, nothing runs.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  compartment,
  compile,
  encode,
  type Fields,
  leavesOf,
  needsRoot,
  newRunName,
  specification,
  startWith,
} from './launch.ts'

const program = compile(`
  #include <fcntl.h>
  int main(void) { return open("/data/ran", 0102, 0600) < 0; }`)

async function refusal(fields: Fields | Buffer): Promise<string> {
  const result = await startWith(Buffer.isBuffer(fields) ? fields : encode(fields)).result
  assert.equal(result.status, 125)
  assert.equal(result.started, undefined)
  assert.equal(result.ended?.outcome, 'refused')
  assert.equal(result.ended.error, 'SPEC_INVALID', result.report)
  assert.match(result.ended.reason ?? '', /^cannot /)
  return result.ended.reason ?? ''
}

function plain(): Fields {
  return specification({ in: compartment(program) })
}

function replaced(key: string, value: string | number): Fields {
  return plain().map(([name, old]) => [name, name === key ? value : old] as const)
}

function inserted(...extra: Fields): Fields {
  const fields = plain()
  return [...fields.slice(0, -1), ...extra, ...fields.slice(-1)]
}

test('a specification without its end is refused', async () => {
  assert.match(await refusal(plain().slice(0, -1)), /no end/)
  assert.match(await refusal(encode(plain()).subarray(0, -1)), /no end/)
  assert.match(await refusal(Buffer.alloc(0)), /no end/)
})

test('it begins with version=1 and nothing follows its end', async () => {
  assert.match(await refusal(plain().slice(1)), /version=1/)
  assert.match(await refusal(replaced('version', 2)), /version=1/)
  assert.match(await refusal([...plain(), ['arg', 'x']]), /follows its end/)
})

test('unknown keys, second values and missing keys are refused', async () => {
  assert.match(await refusal(inserted(['memry-bytes', 1])), /unknown key/)
  assert.match(await refusal(inserted(['uid', 5])), /second value for uid/)
  assert.match(await refusal(inserted(['mode', 'root'])), /second value for mode/)
  for (const key of [
    'run',
    'mode',
    'uid',
    'gid',
    'root',
    'exec',
    'cwd',
    'arg',
    'memory-bytes',
    'processes',
    'files',
    'landlock-abi',
  ])
    assert.match(await refusal(plain().filter(([name]) => name !== key)), new RegExp(`${key} is missing`))
})

test('numbers have digits only, and bounds', async () => {
  for (const value of ['', '-1', '+1', '1e3', '0x10', ' 1', '1 ', '01', '99999999999999999', '9007199254740993'])
    await refusal(replaced('memory-bytes', value))
  await refusal(replaced('uid', '4294967295'))
  await refusal(replaced('proc', 2))
  await refusal(replaced('landlock-abi', 0))
})

test('paths are absolute and in normal form', async () => {
  for (const path of [
    '',
    'plugin',
    '/plugin/',
    '/plugin//x',
    '/plugin/../x',
    '/./plugin',
    '//plugin',
    `/${'x'.repeat(256)}`,
  ])
    assert.match(await refusal(replaced('exec', path)), /normal form/)
  await refusal(inserted(['bind', '/etc']))
  await refusal(inserted(['bind', '/etc\t../etc']))
  await refusal(inserted(['bind', '/etc\t/']))
  await refusal(inserted(['skeleton', '/']))
})

test('names and choices are what they say', async () => {
  await refusal(replaced('run', '../x'))
  await refusal(replaced('run', 'X'))
  await refusal(replaced('run', 'x'.repeat(65)))
  await refusal(replaced('mode', 'admin'))
  await refusal(replaced('name', 'a\u001b[2Jb'))
  await refusal(inserted(['weaker', 'everything']))
  await refusal(inserted(['env', '=x']))
  await refusal(inserted(['env', 'PATH']))
  await refusal(inserted(['idmap', 'helper']))
  await refusal(inserted(['report-file', '/tmp/x']))
  for (const device of ['', '7', '7:', ':0', '7:0 wbps=1', '7:0\n8:0', '+7:0', '12345:0', '7:12345678'])
    assert.match(await refusal(inserted(['io-device', device])), /io-device is not MAJOR:MINOR/)
  await refusal(inserted(...Array.from({ length: 17 }, (_, minor) => ['io-device', `7:${minor}`] as const)))
})

test('more than 1 MiB or 4,096 fields is refused', async () => {
  await refusal(inserted(['arg', 'x'.repeat(1 << 20)]))
  await refusal(inserted(...Array.from({ length: 4096 }, () => ['arg', 'x'] as const)))
})

test('no random change of a specification makes it run half', { skip: needsRoot }, async () => {
  // A linear congruential generator: the same mutations on every machine, and a failure can be repeated.
  let seed = Number(process.env.FUZZ_SEED ?? 20261121)
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed % below
  }
  const rounds = Number(process.env.FUZZ_ROUNDS ?? 300)
  const there = compartment(program)
  let refused = 0
  for (let round = 0; round < rounds; round++) {
    const name = newRunName()
    const bytes = encode(specification({ in: there, data: true }, name))
    const changed = Buffer.from(bytes)
    let mutated: Buffer = changed
    const changes = 1 + random(4)
    for (let i = 0; i < changes; i++) {
      const at = random(mutated.length)
      const kind = random(5)
      if (kind === 0) mutated[at] = random(256)
      else if (kind === 1) mutated[at] = (mutated[at] ?? 0) ^ (1 << random(8))
      else if (kind === 2) mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1 + random(20))])
      else if (kind === 3)
        mutated = Buffer.concat([mutated.subarray(0, at), Buffer.from([random(256)]), mutated.subarray(at)])
      else
        mutated = Buffer.concat([
          mutated.subarray(0, at),
          mutated.subarray(random(mutated.length)),
          mutated.subarray(at),
        ])
      if (mutated.length === 0) mutated = Buffer.from([0])
    }
    const result = await startWith(mutated).result
    const seen = `round ${round}: ${JSON.stringify(mutated.toString('latin1'))} ${result.report}`
    // Some changes leave a valid specification (another name, a larger limit): then it runs, or is refused, whole.
    assert.equal(
      result.report
        .trimEnd()
        .split('\n')
        .filter((line) => line.includes('"ended"')).length,
      1,
      seen,
    )
    assert.equal(result.signal, null, seen)
    if (result.ended?.outcome === 'refused') {
      refused++
      assert.equal(result.started, undefined, seen)
      assert.ok([125, 126, 127].includes(result.status ?? 0), seen)
      if (result.ended.error === 'SPEC_INVALID') assert.equal(result.status, 125, seen)
    }
    assert.deepEqual(leavesOf(name), [], seen)
  }
  assert.ok(refused > rounds / 2, `${refused} of ${rounds} were refused`)
})

test('bytes that are no specification never run anything', async () => {
  for (const bytes of ['\0', '\0\0\0', 'end=1\0', 'version=1\0end=1\0', '=\0', 'version\0', 'version=1\0=\0end=1\0'])
    await refusal(Buffer.from(bytes))
  const there = compartment(program)
  await refusal(encode(specification({ in: there, data: true })).subarray(0, 300))
  assert.ok(!existsSync(join(there.data, 'ran')))
})
