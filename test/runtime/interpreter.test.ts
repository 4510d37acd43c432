import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Elf } from '../../src/runtime/interpreter/elf.ts'
import { isStatic, readElf } from '../../src/runtime/interpreter/elf.ts'
import { elfOf, faultOf, readingFile } from '../../src/runtime/interpreter/host-file.ts'
import { closureOf, insideUsr } from '../../src/runtime/interpreter/libraries.ts'
import { placesOf } from '../../src/runtime/interpreter/python.ts'
import { parseShebang } from '../../src/runtime/interpreter/shebang.ts'
import { Interpreters } from '../../src/runtime/interpreter.ts'
import { compile } from '../helpers/compile.ts'

const uid = process.geteuid?.() ?? 0

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'bulkhead-interpreter-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return made
}

function house(t: TestContext, files: Readonly<Record<string, string | { copy: string }>>) {
  const home = folder(t)
  const pack = join(home, 'plugin')
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(pack, path, '..'), { recursive: true })
    if (typeof content === 'string') writeFileSync(join(pack, path), content)
    else copyFileSync(content.copy, join(pack, path))
    chmodSync(join(pack, path), 0o755)
  }
  const cache = join(home, 'cache')
  const find = (path: string, runtime: 'exec' | 'node' | 'python' = 'exec') =>
    new Interpreters({ cache, uid }).find({ name: 'acme/x', runtime, package: pack, path })
  return { pack, cache, find }
}

// --- ELF files

test('reads a static program', async () => {
  const elf = elfOf(await compile('int main(void){return 0;}', { static: true }))
  assert.ok(elf && isStatic(elf))
  assert.equal(elf.machine, process.arch)
})

test('reads what a dynamic program needs', async () => {
  const elf = elfOf(await compile('int main(void){return 0;}'))
  assert.match(elf?.interpreter ?? '', /^\/lib.*\/ld-linux/)
  assert.deepEqual(elf?.needed, ['libc.so.6'])
  assert.ok(elf && !isStatic(elf))
})

test('what is no ELF file, or a damaged one, reads as none', async (t) => {
  const path = join(folder(t), 'x')
  const whole = readFileSync(await compile('int main(void){return 0;}'))
  const of = (bytes: Buffer) => {
    writeFileSync(path, bytes)
    return elfOf(path)
  }
  assert.equal(of(Buffer.from('#!/bin/sh\n')), null)
  assert.equal(of(Buffer.alloc(0)), null)
  assert.equal(of(whole.subarray(0, 60)), null)
  const wild = Buffer.from(whole)
  wild.writeBigUInt64LE(2n ** 63n, 32) // the program headers lie beyond every file
  assert.equal(of(wild), null)
  const many = Buffer.from(whole)
  many.writeUInt16LE(0xffff, 56)
  assert.equal(of(many), null)
})

test('no change of one byte makes the reader throw or read without end', async (t) => {
  const path = join(folder(t), 'x')
  const whole = readFileSync(await compile('int main(void){return 0;}'))
  writeFileSync(path, whole)
  readingFile(path, (read) => {
    const dynamic = [0, 16, 32, 40, 54, 56, ...Array.from({ length: 600 }, (_, at) => 64 + at)]
    for (const at of dynamic) {
      for (const value of [0, 0x7f, 0xff]) {
        readElf((offset, length) => {
          assert.ok(length <= 16 * 2 ** 20, `asks for ${length} bytes`)
          const bytes = Buffer.from(read(offset, length))
          if (at >= offset && at < offset + bytes.length) bytes[at - offset] = value
          return bytes
        })
      }
    }
  })
})

// --- libraries

const lib = (needed: string[], more: Partial<Elf> = {}): Elf => ({
  machine: 'x64',
  interpreter: null,
  needed,
  rpath: [],
  runpath: [],
  ...more,
})
const LOADER = '/lib64/ld-linux-x86-64.so.2'
const closure = (disk: Readonly<Record<string, Elf>>, links: Record<string, string> = {}, own?: string) =>
  closureOf(
    [{ path: own ? `${own}/bin/x` : '/opt/x', inside: own ? '/plugin/bin/x' : '/usr/bin/x' }],
    'x64',
    {
      elf: (path) => disk[path] ?? null,
      real: (path) => links[path] ?? (path in disk ? path : null),
    },
    own ? { package: { outside: own }, trustRunpath: false } : { trustRunpath: true },
  )

test('follows needs of needs, each once, and leaves the loader’s own name to the loader', () => {
  const { binds, missing } = closure({
    '/opt/x': lib(['liba.so', 'libc.so.6'], { interpreter: LOADER }),
    [LOADER]: lib([]),
    '/lib/x86_64-linux-gnu/liba.so': lib(['libc.so.6', 'liba.so']),
    '/usr/lib64/libc.so.6': lib(['ld-linux-x86-64.so.2']),
  })
  assert.deepEqual(missing, [])
  assert.deepEqual(
    binds.map((bind) => bind.inside),
    ['/usr/lib64/ld-linux-x86-64.so.2', '/usr/lib/x86_64-linux-gnu/liba.so', '/usr/lib64/libc.so.6'],
  )
})

test('a library behind a link is bound from where it is to where it is looked for', () => {
  const { binds } = closure(
    { '/opt/x': lib(['libz.so.1']), '/usr/lib/libz.so.1.2.13': lib([]) },
    { '/usr/lib64/libz.so.1': '/usr/lib/libz.so.1.2.13' },
  )
  assert.deepEqual(binds, [{ outside: '/usr/lib/libz.so.1.2.13', inside: '/usr/lib64/libz.so.1', executable: true }])
})

test('$ORIGIN of a program of the host leads to its own libraries', () => {
  const { binds, missing } = closure({
    '/opt/x': lib(['libown.so'], { runpath: ['$ORIGIN/lib'] }),
    '/opt/lib/libown.so': lib([]),
  })
  assert.deepEqual(missing, [])
  assert.deepEqual(binds, [{ outside: '/opt/lib/libown.so', inside: '/usr/bin/lib/libown.so', executable: true }])
})

test('a plugin’s library of its own needs no bind, what that needs does', () => {
  const { binds, missing } = closure(
    {
      '/pack/bin/x': lib(['libown.so'], { runpath: ['$ORIGIN/../lib'] }),
      '/pack/lib/libown.so': lib(['libc.so.6']),
      '/lib64/libc.so.6': lib([]),
    },
    {},
    '/pack',
  )
  assert.deepEqual(missing, [])
  assert.deepEqual(
    binds.map((bind) => bind.outside),
    ['/lib64/libc.so.6'],
  )
})

test('a plugin’s program cannot name files of the host', () => {
  const secret = { '/etc/secret': lib([]), '/srv/private/libp.so': lib([]) }
  for (const program of [
    lib(['/etc/secret']),
    lib(['../../etc/secret']),
    lib(['libp.so'], { runpath: ['/srv/private'] }),
    lib(['libp.so'], { rpath: ['$ORIGIN/../../srv/private'] }),
    lib(['libp.so'], { runpath: ['/plugin/../srv/private'] }),
    lib([], { interpreter: '/etc/secret' }),
    lib([], { interpreter: '/lib64/../etc/secret' }),
  ]) {
    const { binds, missing } = closure({ '/pack/bin/x': program, ...secret }, {}, '/pack')
    assert.deepEqual(binds, [])
    assert.equal(missing.length, 1)
  }
})

test('a library of another machine is not taken', () => {
  const { missing } = closure({ '/opt/x': lib(['liba.so']), '/usr/lib/liba.so': lib([], { machine: 'arm64' }) })
  assert.deepEqual(missing, [{ library: 'liba.so', neededBy: '/opt/x' }])
})

test('folders that are links into /usr inside', () => {
  assert.equal(insideUsr('/lib64/ld.so'), '/usr/lib64/ld.so')
  assert.equal(insideUsr('/usr/lib/x'), '/usr/lib/x')
  assert.equal(insideUsr('/library/x'), '/library/x')
})

// --- scripts

const shebangs: [line: string, program: string | null, argument?: string | null][] = [
  ['#!/bin/sh\n', '/bin/sh', null],
  ['#! /usr/bin/perl -w\nx', '/usr/bin/perl', '-w'],
  ['#!/bin/sh -e -u\n', '/bin/sh', '-e -u'],
  ['#!/usr/bin/env python3\n', '/usr/bin/python3', null],
  ['#!/usr/bin/env -S python3 -I\n', null],
  ['#!/usr/bin/env A=b sh\n', null],
  ['#!/usr/bin/env ../sh\n', null],
  ['#!/bin/sh\r\n', null],
  ['#!/home/me/bin/sh\n', null],
  ['#!/usr/local/bin/tool\n', null],
  ['#!/bin/../etc/x\n', null],
  ['#!sh\n', null],
  ['#!\n', null],
  [`#!/bin/sh ${'x'.repeat(300)}\n`, null],
]
for (const [line, program, argument] of shebangs) {
  test(`first line ${JSON.stringify(line.slice(0, 40))}: ${program ?? 'refused'}`, () => {
    const shebang = parseShebang(Buffer.from(line).subarray(0, 256))
    assert.ok(shebang !== null)
    if (program === null) assert.ok('fault' in shebang)
    else assert.deepEqual(shebang, { program, argument })
  })
}
test('what does not begin with #! is no script', () => assert.equal(parseShebang(Buffer.from('\x7fELF')), null))

// --- the whole

test('a static program needs nothing of the host', async (t) => {
  const { find } = house(t, { 'bin/x': { copy: await compile('int main(void){return 0;}', { static: true }) } })
  assert.deepEqual(find('bin/x'), { kind: 'package', exec: '/plugin/bin/x', leading: [], version: null, binds: [] })
})

test('a dynamic program needs its loader and its libraries', async (t) => {
  const { find } = house(t, { x: { copy: await compile('int main(void){return 0;}') } })
  const names = find('x').binds.map((bind) => bind.inside.replace(/.*\//, ''))
  assert.equal(names.length, 2)
  assert.match(names.join(' '), /ld-linux.* libc\.so\.6/)
})

test('a shell script gets its shell and nothing else', (t) => {
  const { find } = house(t, { 'x.sh': '#!/bin/sh -e\ntrue\n' })
  const found = find('x.sh')
  assert.equal(found.exec, '/usr/bin/sh')
  assert.deepEqual(found.leading, ['/bin/sh', '-e'])
  assert.ok(found.binds.length <= 4, `${found.binds.length} binds`)
})

test('a script for node or python gets that runtime', (t) => {
  const { find } = house(t, { 'x.mjs': '#!/usr/bin/env node\n' })
  const { kind, exec, leading } = find('x.mjs')
  assert.deepEqual({ kind, exec, leading }, { kind: 'node', exec: '/usr/bin/node', leading: ['/usr/bin/node'] })
})

test('Node: its binary and its libraries, a dozen files at most', (t) => {
  const { find } = house(t, { 'main.js': '' })
  const { version, binds } = find('main.js', 'node')
  assert.equal(version, process.versions.node)
  assert.ok(binds.length >= 2 && binds.length <= 12, `${binds.length} binds`)
  for (const { outside, inside } of binds) {
    assert.ok(existsSync(outside))
    assert.match(inside, /^\/usr\//)
  }
})

const noPython = existsSync('/usr/bin/python3') ? false : 'there is no /usr/bin/python3'
test('Python: the system’s, with its library and no packages of the host', { skip: noPython }, (t) => {
  const { find } = house(t, { 'main.py': '' })
  const { version, binds } = find('main.py', 'python')
  assert.match(version ?? '', /^3\.\d+\.\d+$/)
  // Entry by entry where Debian's python3-numpy has made a folder of packages in it.
  assert.ok(binds.some((bind) => /\/python3\.\d+(?:\/os\.py)?$/.test(bind.inside)))
  assert.ok(!binds.some((bind) => /-packages/.test(bind.inside)))
})

test('a library folder that also holds packages is shown entry by entry, without them', (t) => {
  const library = folder(t)
  for (const name of ['site-packages', 'json', '__pycache__']) mkdirSync(join(library, name))
  writeFileSync(join(library, 'os.py'), '')
  assert.deepEqual(placesOf(library).sort(), [join(library, 'json'), join(library, 'os.py')])
  rmSync(join(library, 'site-packages'), { recursive: true })
  assert.deepEqual(placesOf(library), [library])
})

test('an entry that is missing, not executable or no program is told apart', (t) => {
  const { pack, find } = house(t, { text: 'hello', plain: '#!/bin/sh\n' })
  chmodSync(join(pack, 'plain'), 0o644)
  assert.throws(() => find('gone'), { code: 'ENTRY_NOT_FOUND' })
  assert.throws(() => find('gone.js', 'node'), { code: 'ENTRY_NOT_FOUND' })
  assert.throws(() => find('plain'), { code: 'ENTRY_NOT_EXECUTABLE', hint: /chmod \+x/ })
  assert.throws(() => find('text'), { code: 'ENTRY_NOT_EXECUTABLE', message: /neither an ELF program nor a script/ })
})

test('a script whose program is not on this host is refused', (t) => {
  const { find } = house(t, { x: '#!/usr/bin/no-such-interpreter\n' })
  assert.throws(() => find('x'), { code: 'INTERPRETER_MISSING', message: /no-such-interpreter/ })
})

test('files that others may write are not shown to a plugin', { skip: uid === 0 ? false : 'not root' }, (t) => {
  const place = folder(t)
  const node = join(place, 'node')
  copyFileSync('/bin/true', node)
  assert.equal(faultOf(node, { uid }), null)
  chmodSync(node, 0o777)
  assert.match(faultOf(node, { uid }) ?? '', /may be written by others/)
  chmodSync(node, 0o755)
  chmodSync(place, 0o777)
  assert.match(faultOf(node, { uid }) ?? '', /may be written by others/)
  const interpreters = new Interpreters({ cache: join(place, 'cache'), uid, node })
  assert.throws(() => interpreters.node(), { code: 'INTERPRETER_MISSING', message: /may be written by others/ })
})

test('a Node that is too old is refused with its version', { skip: noPython }, (t) => {
  const place = folder(t)
  const old = join(place, 'node')
  // A real ELF file whose `--version` says nothing of v22: version 0.0.0.
  copyFileSync('/bin/true', old)
  assert.throws(() => new Interpreters({ cache: join(place, 'cache'), uid, node: old }).node(), {
    code: 'INTERPRETER_MISSING',
    message: /Node 22 or newer/,
  })
})

// --- the cache

const dynamic = 'int main(void){return 1;}'

test('a second look is answered from the cache, and gives the same', async (t) => {
  const { find, cache } = house(t, { x: { copy: await compile(dynamic) } })
  const first = find('x')
  const [file = ''] = readdirSync(join(cache, 'runtime'))
  const kept = join(cache, 'runtime', file)
  // Proof that it is the file that answers: a mark in it comes back.
  writeFileSync(kept, readFileSync(kept, 'utf8').replace('/libc.so.6","executable', '/libmark.so","executable'))
  assert.notDeepEqual(find('x'), first)
})

test('a changed program is looked at again', async (t) => {
  const { find, pack } = house(t, { x: { copy: await compile(dynamic) } })
  assert.equal(find('x').binds.length, 2)
  copyFileSync(await compile('int main(void){return 0;}', { static: true }), join(pack, 'x'))
  assert.equal(find('x').binds.length, 0)
})

test('a cache that is not exactly ours is as good as none', async (t) => {
  const { find, cache } = house(t, { x: { copy: await compile(dynamic) } })
  const first = find('x')
  const [file = ''] = readdirSync(join(cache, 'runtime'))
  const kept = join(cache, 'runtime', file)
  const text = readFileSync(kept, 'utf8')
  const evil = text.replace('/libc.so.6","executable', '/libevil.so","executable')
  const tries: [string, () => void][] = [
    ['not JSON', () => writeFileSync(kept, 'x')],
    ['another format', () => writeFileSync(kept, text.replace('"format":1', '"format":2'))],
    ['a relative bind', () => writeFileSync(kept, text.replace('"outside":"/', '"outside":"'))],
    ['binds of another kind', () => writeFileSync(kept, text.replace('"executable":true', '"executable":"yes"'))],
    ['changed by another', () => writeFileSync(kept, evil.replace('"key":"exec', '"key":"script'))],
    [
      'readable by others',
      () => {
        writeFileSync(kept, evil)
        chmodSync(kept, 0o644)
      },
    ],
    [
      'a link',
      () => {
        writeFileSync(`${kept}.other`, evil, { mode: 0o600 })
        rmSync(kept)
        symlinkSync(`${kept}.other`, kept)
      },
    ],
  ]
  for (const [what, change] of tries) {
    change()
    assert.deepEqual(find('x'), first, what)
    rmSync(kept, { force: true })
    writeFileSync(kept, text, { mode: 0o600 })
  }
})

const packages = '/usr/lib/python3/dist-packages'
test('Python with modules to preload: packages of the host are shown if one of those is among them', {
  skip: noPython || (!existsSync(join(packages, 'apt_pkg.cpython-311-x86_64-linux-gnu.so')) && 'not this Debian'),
}, (t) => {
  const interpreters = new Interpreters({ cache: folder(t), uid: 0 })
  const shown = (modules: string[]) => interpreters.python(modules).binds.map(({ inside }) => inside)
  assert.deepEqual(shown(['json', 'os.path', 'nowhere']), shown([]))
  for (const module of ['apt_pkg', 'apt.cache']) assert.ok(shown([module]).includes(packages), module)
  // What a compiled module needs comes along; and no file is bound below another bind of the same folder.
  const all = shown(['apt_pkg'])
  assert.ok(all.some((path) => /\/libapt-pkg\.so/.test(path)))
  const folders = all.filter((path) => /\/python3(?:\.\d+)?(?:\/dist-packages)?$/.test(path))
  for (const path of folders) assert.ok(!all.some((other) => other.startsWith(`${path}/`)), path)
})
