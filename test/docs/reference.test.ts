// The reference pages name everything there is, with the numbers of the code.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicsOf } from '../../src/cli/topics/all.ts'
import { everyVerb } from '../../src/cli/verbs/find.ts'
import { ARCHIVE_BOUNDS } from '../../src/core/archive.ts'
import { REQUIRED_LAYERS } from '../../src/core/layers.ts'
import { effectiveLimits, PROFILES } from '../../src/core/limits.ts'
import { parseManifest } from '../../src/core/manifest-parser.ts'
import { manifestJsonSchema } from '../../src/core/manifest-schema.ts'
import { formatDuration, formatSize } from '../../src/core/quantity.ts'
import { blocks, read } from './documents.ts'

const rows = (text: string): string[][] =>
  [...text.matchAll(/^\| (.+) \|$/gm)].map((row) => (row[1] ?? '').split(' | ').map((cell) => cell.trim()))

test('the page of the manifest names every key of the schema, and its example is valid', () => {
  const page = read('docs/manifest.md')
  const { properties } = manifestJsonSchema() as { properties: Record<string, { properties?: object }> }
  const keys = Object.entries(properties).flatMap(([key, { properties: inner }]) => [key, ...Object.keys(inner ?? {})])
  for (const key of keys) assert.ok(page.text.includes(`\`${key}\``), key)
  const [example = ''] = blocks(page, 'json')
  assert.equal(parseManifest(Buffer.from(example)).name, 'acme/hello')
})

test('the page of the sandbox has the numbers of every profile', () => {
  const { text } = read('docs/sandbox.md')
  const [, defaults = '', ceilings = ''] = text.split(/^(?:Defaults|Ceilings):$/m)
  const huge = {
    memoryBytes: 2 ** 50,
    cpu: 1e6,
    processesMax: 1e6,
    filesMax: 1e9,
    tmpBytes: 2 ** 50,
    dataBytes: 2 ** 50,
    fileSizeBytes: 2 ** 52,
    ioBytesPerSecond: 2 ** 50,
    outputBytes: 2 ** 50,
    timeoutMs: 1e12,
    idleMs: 1e12,
    connectionsMax: 1e9,
    networkBytes: 2 ** 50,
  }
  PROFILES.forEach((profile, column) => {
    const context = { runtime: 'exec', protocol: 'stdio', profile } as const
    for (const [table, asked] of [[defaults, {}] as const, [ceilings, huge] as const]) {
      const { limits } = effectiveLimits(asked, context)
      const expected: Record<string, string> = {
        memory: formatSize(limits.memoryBytes),
        cpu: `${limits.cpu}`,
        processes: `${limits.processesMax}`,
        files: `${limits.filesMax}`,
        '`/tmp`': formatSize(limits.tmpBytes),
        '`/data`': limits.dataBytes === 0 ? 'none' : formatSize(limits.dataBytes),
        'a file': formatSize(limits.fileSizeBytes),
        'disk, a second': formatSize(limits.ioBytesPerSecond),
        output: formatSize(limits.outputBytes),
        timeout: duration(limits.timeoutMs),
        idle: duration(limits.idleMs),
        connections: `${limits.connectionsMax}`,
        network: formatSize(limits.networkBytes),
      }
      for (const [name, value] of Object.entries(expected)) {
        const cell = rows(table).find((row) => row[0] === name)?.[column + 1]
        assert.equal(cell?.split(',')[0], value, `${profile}, ${name}`)
      }
    }
    const node = effectiveLimits({}, { ...context, runtime: 'node' }).limits
    if (profile !== 'development') assert.ok(defaults.includes(`\`node\` ${formatSize(node.memoryBytes)}`), profile)
  })
})

const duration = (ms: number): string => (ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : formatDuration(ms))

test('the page of the sandbox has every layer that nothing runs without', () => {
  const required = rows(read('docs/sandbox.md').text).filter(([, required]) => /^(?:yes|for)/.test(required ?? ''))
  assert.deepEqual(new Set(required.map(([layer]) => layer)), new Set(REQUIRED_LAYERS.map((layer) => `\`${layer}\``)))
})

test('the page of the package has the bounds of the reader', () => {
  const { text } = read('docs/package-format.md')
  const bounds = Object.fromEntries(rows(text).map(([what = '', most = '']) => [what, most]))
  const mebi = (bytes: number): string => (bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GiB` : `${bytes / 2 ** 20} MiB`)
  assert.equal(bounds.tarball, mebi(ARCHIVE_BOUNDS.tarballBytes))
  assert.equal(bounds['unpacked archive'], mebi(ARCHIVE_BOUNDS.unpackedBytes))
  assert.equal(bounds['one file'], mebi(ARCHIVE_BOUNDS.fileBytes))
  assert.equal(
    bounds['files and folders together, implied folders included'],
    ARCHIVE_BOUNDS.entries.toLocaleString('en'),
  )
  assert.equal(bounds['depth of a path'], `${ARCHIVE_BOUNDS.depth}`)
  assert.equal(bounds.path, `${ARCHIVE_BOUNDS.pathBytes.toLocaleString('en')} bytes`)
  assert.equal(bounds['one name in a path'], `${ARCHIVE_BOUNDS.segmentBytes} bytes`)
})

test('the page of the command line names every command, every option and every topic', () => {
  const { text } = read('docs/cli.md')
  for (const [path, verb] of everyVerb()) {
    if (verb.isHidden === true) continue
    assert.ok(text.includes(`plugins ${path.join(' ')}`), path.join(' '))
    for (const { form } of verb.flags ?? []) {
      const [flag = ''] = form.split(' ')
      assert.ok(text.includes(flag), `${path.join(' ')} ${flag}`)
    }
  }
  for (const { name } of topicsOf()) assert.ok(text.includes(`plugins help ${name}`), name)
})
