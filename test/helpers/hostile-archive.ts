import { gzipSync } from 'node:zlib'
import type { ArchiveBounds } from '../../src/core/archive.ts'
import type { ErrorCode } from '../../src/core/error-codes.ts'

/** What goes into one header; every field can be made wrong. */
export interface TarPart {
  readonly name?: string | Buffer
  readonly type?: string
  readonly body?: string | Buffer
  readonly mode?: string | number
  /** Raw text of the size field, when it should not be the body's length. */
  readonly size?: string | Buffer
  readonly link?: string
  readonly prefix?: string | Buffer
  readonly magic?: 'ustar' | 'gnu' | 'v7' | 'nonsense'
  /** Added to the checksum, so that it is wrong. */
  readonly checksumOff?: number
  /** Bytes written over the finished header, before its checksum is taken. */
  readonly patch?: readonly (readonly [offset: number, bytes: string | Buffer])[]
  /** Leave the body's last block unfilled. */
  readonly unpadded?: boolean
}

const MAGIC = { ustar: 'ustar\x0000', gnu: 'ustar  \0', v7: '\0\0\0\0\0\0\0\0', nonsense: 'RATsu\x0000' }

/** A tar writer with no opinions of its own, so that it shares no mistake with the one that is tested. */
export function tarPart(part: TarPart): Buffer {
  const body = Buffer.from(part.body ?? '')
  const header = Buffer.alloc(512)
  put(header, 0, part.name ?? 'file.txt', 100)
  put(header, 100, typeof part.mode === 'string' ? part.mode : `${octal(part.mode ?? 0o644, 7)}\0`, 8)
  put(header, 108, '0000000\x000000000\0', 16)
  put(header, 124, part.size ?? `${octal(body.length, 11)}\0`, 12)
  put(header, 136, '00000000000\0', 12)
  put(header, 148, '        ', 8)
  put(header, 156, part.type ?? '0', 1)
  put(header, 157, part.link ?? '', 100)
  put(header, 257, MAGIC[part.magic ?? 'ustar'], 8)
  put(header, 345, part.prefix ?? '', 155)
  for (const [offset, bytes] of part.patch ?? []) put(header, offset, bytes, 512)
  const sum = header.reduce((total, byte) => total + byte, 0) + (part.checksumOff ?? 0)
  put(header, 148, `${octal(sum, 6)}\0 `, 8)
  const padding = part.unpadded ? 0 : (512 - (body.length % 512)) % 512
  return Buffer.concat([header, body, Buffer.alloc(padding)])
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

function put(header: Buffer, offset: number, value: string | Buffer, max: number): void {
  Buffer.from(value).subarray(0, max).copy(header, offset)
}

export const END = Buffer.alloc(1024)

export const MANIFEST = JSON.stringify({
  name: 'acme/hostile',
  version: '1.0.0',
  entry: { runtime: 'node', path: 'main.js' },
})

export const manifestPart = (name: string = 'plugin.json'): Buffer => tarPart({ name, body: MANIFEST })

/** A whole archive: a good manifest, then these parts, then the end. */
export function tarOf(...parts: readonly (TarPart | Buffer)[]): Buffer {
  return Buffer.concat([manifestPart(), ...parts.map((part) => (Buffer.isBuffer(part) ? part : tarPart(part))), END])
}

/** Exactly these parts, without a manifest before or an end after them. */
export function bare(...parts: readonly (TarPart | Buffer)[]): Buffer {
  return Buffer.concat(parts.map((part) => (Buffer.isBuffer(part) ? part : tarPart(part))))
}

export function paxPart(records: readonly (readonly [string, string | Buffer])[], type: string = 'x'): Buffer {
  return tarPart({ name: 'PaxHeader', type, body: Buffer.concat(records.map(([key, value]) => paxRecord(key, value))) })
}

export function paxRecord(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length + 1
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length
  return Buffer.concat([Buffer.from(`${length}`), rest])
}

const longName = (name: string, magic: TarPart['magic'] = 'gnu'): Buffer =>
  tarPart({ name: '././@LongLink', type: 'L', body: `${name}\0`, magic })

const tgz = (...parts: readonly (TarPart | Buffer)[]): Buffer => gzipSync(tarOf(...parts))
const file = (name: string | Buffer, rest: TarPart = {}): TarPart => ({ name, body: 'content\n', ...rest })
const many = (count: number, name: (at: number) => string): TarPart[] =>
  Array.from({ length: count }, (_, at) => ({ name: name(at) }))

/** One attack: its tarball, the code it must be refused with, and what the message must speak of. */
export interface HostileArchive {
  readonly code: ErrorCode
  readonly says: RegExp
  readonly bytes: () => Buffer
  /** Tighter bounds, where reaching the real ones would only make the test slow. */
  readonly bounds?: Partial<ArchiveBounds>
}

const unsafe = (says: RegExp, bytes: () => Buffer): HostileArchive => ({ code: 'ARCHIVE_UNSAFE', says, bytes })
const malformed = (says: RegExp, bytes: () => Buffer): HostileArchive => ({ code: 'ARCHIVE_MALFORMED', says, bytes })
const tooLarge = (says: RegExp, bytes: () => Buffer, bounds?: Partial<ArchiveBounds>): HostileArchive => ({
  code: 'ARCHIVE_TOO_LARGE',
  says,
  bytes,
  ...(bounds && { bounds }),
})

const DOTS = /"\.\."/
const LINK = /is a (?:symbolic|hard) link/
const good = (): Buffer => tgz(file('main.js'))

/** Every hostile property that is known of tar and gzip, by name. */
export const HOSTILE_ARCHIVES = {
  // Names that leave the package
  'parent folder': unsafe(DOTS, () => tgz(file('../evil'))),
  'parent folder, deep': unsafe(DOTS, () => tgz(file('../../../../../../../../tmp/evil'))),
  'parent folder in the middle': unsafe(DOTS, () => tgz(file('lib/../../evil'))),
  'parent folder that stays inside': unsafe(DOTS, () => tgz(file('lib/../evil'))),
  'parent folder at the end': unsafe(DOTS, () => tgz({ name: 'lib/..', type: '5' })),
  'parent folder alone': unsafe(DOTS, () => tgz({ name: '..', type: '5' })),
  'parent folder behind the npm folder': unsafe(DOTS, () =>
    gzipSync(bare(manifestPart('package/plugin.json'), file('package/../../evil'), END)),
  ),
  'parent folder in the ustar prefix': unsafe(DOTS, () => tgz(file('evil', { prefix: '../..' }))),
  'parent folder in a pax path': unsafe(DOTS, () => tgz(paxPart([['path', '../evil']]), file('good'))),
  'parent folder in a GNU long name': unsafe(DOTS, () => tgz(longName('../evil'), file('../evil', { magic: 'gnu' }))),
  'absolute path': unsafe(/absolute/, () => tgz(file('/tmp/evil'))),
  'absolute path, two slashes': unsafe(/absolute/, () => tgz(file('//tmp/evil'))),
  'absolute path in a pax path': unsafe(/absolute/, () => tgz(paxPart([['path', '/tmp/evil']]), file('good'))),
  'absolute path by an empty name behind a prefix': unsafe(/empty|absolute/, () => tgz(file('', { prefix: 'lib' }))),
  'root itself': unsafe(/absolute|empty/, () => tgz({ name: '/', type: '5' })),
  'drive letter': unsafe(/drive letter/, () => tgz(file('C:/evil'))),
  'drive letter without a slash': unsafe(/drive letter/, () => tgz(file('c:evil'))),
  'drive letter inside': unsafe(/drive letter/, () => tgz(file('lib/C:/evil'))),
  backslashes: unsafe(/backslash/, () => tgz(file('..\\..\\evil'))),
  'UNC path': unsafe(/backslash/, () => tgz(file('\\\\server\\share\\evil'))),

  // Names with two readings
  dot: unsafe(/"\."/, () => tgz({ name: '.', type: '5' })),
  'dot slash': unsafe(/"\."/, () => tgz(file('./main.js'))),
  'dot in the middle': unsafe(/"\."/, () => tgz(file('lib/./main.js'))),
  'empty name': unsafe(/empty/, () => tgz(file(''))),
  'empty segment': unsafe(/empty segment/, () => tgz(file('lib//main.js'))),
  'slash at the end of a file': unsafe(/empty segment/, () => tgz(file('main.js/'))),
  'two slashes at the end of a folder': unsafe(/empty segment/, () => tgz({ name: 'lib//', type: '5' })),
  'NUL inside a name': malformed(/after the end of a name/, () => tgz(file('main.js\0.txt'))),
  'NUL inside a pax path': malformed(/NUL/, () => tgz(paxPart([['path', 'main.js\0.txt']]), file('good'))),
  'NUL inside a GNU long name': malformed(/after its end/, () => tgz(longName('a\0b'), file('a', { magic: 'gnu' }))),
  'line break': unsafe(/control/, () => tgz(file('a\nb'))),
  'escape sequence': unsafe(/control/, () => tgz(file('\x1b[2J\x1b]0;owned\x07'))),
  'delete character': unsafe(/control/, () => tgz(file('a\x7fb'))),
  'C1 control character': unsafe(/control/, () => tgz(file('a\u009bb'))),
  'right-to-left override': unsafe(/direction/, () => tgz(file('gpj.\u202esj.js'))),
  'line separator': unsafe(/control/, () => tgz(file('a\u2028b'))),
  'invalid UTF-8': unsafe(/UTF-8/, () => tgz(file(Buffer.from([0x61, 0xff, 0xfe])))),
  'overlong UTF-8': unsafe(/UTF-8/, () => tgz(file(Buffer.from([0x2e, 0xc0, 0xae, 0x2f, 0x61])))),
  'UTF-8 surrogate': unsafe(/UTF-8/, () => tgz(file(Buffer.from([0x61, 0xed, 0xa0, 0x80])))),
  'invalid UTF-8 in a pax path': unsafe(/UTF-8/, () =>
    tgz(paxPart([['path', Buffer.from([0x61, 0xff])]]), file('good')),
  ),
  'name not in NFC': unsafe(/normalisation form C/, () => tgz(file('cafe\u0301.js'))),

  // Two names for one file
  'duplicate file': unsafe(/twice/, () => tgz(file('main.js'), file('main.js', { body: 'other' }))),
  'duplicate folder': unsafe(/twice/, () => tgz({ name: 'lib/', type: '5' }, { name: 'lib/', type: '5' })),
  'duplicate by pax path': unsafe(/twice/, () => tgz(file('main.js'), paxPart([['path', 'main.js']]), file('other'))),
  'duplicate by prefix': unsafe(/twice/, () => tgz(file('lib/a.js'), file('a.js', { prefix: 'lib' }))),
  'file where a folder is': unsafe(/folder in one/, () => tgz(file('lib/a.js'), file('lib'))),
  'folder where a file is': unsafe(/file in one/, () => tgz(file('lib'), { name: 'lib/', type: '5' })),
  'file below a file': unsafe(/file in one/, () => tgz(file('lib'), file('lib/a.js'))),
  'names that differ in case': unsafe(/case/, () => tgz(file('README.md'), file('readme.md'))),
  'folders that differ in case': unsafe(/case/, () => tgz(file('Lib/a.js'), file('lib/b.js'))),
  'names that differ in case beyond ASCII': unsafe(/case/, () => tgz(file('Straße.js'), file('STRASSE.js'))),
  'manifest in another case': unsafe(/case/, () => tgz(file('Plugin.json'))),
  'NFC beside NFD': unsafe(/normalisation/, () => tgz(file('caf\u00e9'), file('cafe\u0301'))),

  // Types
  'symbolic link': unsafe(LINK, () => tgz({ name: 'a', type: '2', link: '/etc/passwd' })),
  'symbolic link inside': unsafe(LINK, () => tgz({ name: 'a', type: '2', link: 'main.js' })),
  'symbolic link, then a write through it': unsafe(LINK, () =>
    tgz({ name: 'a', type: '2', link: '/tmp' }, file('a/evil')),
  ),
  'symbolic link to its parent': unsafe(LINK, () => tgz({ name: 'a', type: '2', link: '..' }, file('a/../../evil'))),
  'symbolic link over a file': unsafe(LINK, () => tgz(file('a'), { name: 'a', type: '2', link: '/etc/passwd' })),
  'symbolic link over a folder': unsafe(LINK, () =>
    tgz(file('a/b'), { name: 'a', type: '2', link: '/tmp' }, file('a/c')),
  ),
  'symbolic link with content': unsafe(LINK, () => tgz({ name: 'a', type: '2', link: '/tmp/x', body: 'evil' })),
  'hard link outside': unsafe(LINK, () => tgz({ name: 'a', type: '1', link: '../../../etc/passwd' })),
  'hard link to an absolute path': unsafe(LINK, () => tgz({ name: 'a', type: '1', link: '/etc/passwd' })),
  'hard link to a file of the package': unsafe(LINK, () => tgz(file('a'), { name: 'b', type: '1', link: 'a' })),
  'hard link to a symbolic link': unsafe(LINK, () =>
    tgz({ name: 'a', type: '2', link: '/etc/passwd' }, { name: 'b', type: '1', link: 'a' }),
  ),
  'manifest as a link': unsafe(LINK, () =>
    gzipSync(bare({ name: 'plugin.json', type: '2', link: '/etc/passwd' }, file('main.js'), END)),
  ),
  'regular file with a link target': unsafe(/link target/, () => tgz(file('a', { link: '/etc/passwd' }))),
  'folder with a link target': unsafe(/link target/, () => tgz({ name: 'a', type: '5', link: '/etc' })),
  'GNU long link target': unsafe(/long link/, () =>
    tgz({ name: '././@LongLink', type: 'K', body: '/etc/passwd\0', magic: 'gnu' }, file('a', { magic: 'gnu' })),
  ),
  'character device': unsafe(/character device/, () => tgz({ name: 'a', type: '3' })),
  'block device': unsafe(/block device/, () => tgz({ name: 'a', type: '4' })),
  FIFO: unsafe(/FIFO/, () => tgz({ name: 'a', type: '6' })),
  'contiguous file': unsafe(/contiguous/, () => tgz(file('a', { type: '7' }))),
  'socket type of star': unsafe(/unknown type/, () => tgz({ name: 'a', type: 's' })),
  'GNU sparse file': unsafe(/GNU extensions|sparse/, () => tgz(file('a', { type: 'S', magic: 'gnu' }))),
  'GNU sparse file by pax': unsafe(/GNU\.sparse/, () =>
    tgz(
      paxPart([
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.name', 'evil'],
        ['GNU.sparse.realsize', '9'],
      ]),
      file('a'),
    ),
  ),
  'GNU sparse map in a plain header': unsafe(/GNU extensions/, () =>
    tgz(file('a', { magic: 'gnu', patch: [[386, '00000000000\x0000000001000\0']] })),
  ),
  'GNU directory dump': unsafe(/directory dump/, () => tgz({ name: 'a/', type: 'D', body: 'Yx\0\0' })),
  'GNU multi-volume continuation': unsafe(/continuation/, () => tgz(file('a', { type: 'M' }))),
  'GNU volume label': unsafe(/volume label/, () => tgz({ name: 'a', type: 'V' })),
  'old GNU long name': unsafe(/old GNU/, () => tgz(file('a', { type: 'N' }))),
  'Sun extended header': unsafe(/Sun extended/, () => tgz(file('a', { type: 'X' }))),
  'unknown type': unsafe(/unknown type/, () => tgz(file('a', { type: 'Z' }))),
  'unknown type beyond ASCII': unsafe(/unknown type/, () =>
    tgz(file('a', { type: '', patch: [[156, Buffer.of(0x9b)]] })),
  ),
  'folder with content': unsafe(/with 8 bytes of content/, () => tgz(file('lib/', { type: '5' }))),

  // Modes
  setuid: unsafe(/setuid/, () => tgz(file('a', { mode: 0o4755 }))),
  setgid: unsafe(/setgid/, () => tgz(file('a', { mode: 0o2755 }))),
  sticky: unsafe(/sticky/, () => tgz({ name: 'a/', type: '5', mode: 0o1777 })),
  'mode of a link': unsafe(/not that of a file/, () => tgz(file('a', { mode: 0o120777 }))),
  'mode of a device on a folder': unsafe(/not that of a directory/, () => tgz({ name: 'a', type: '5', mode: 0o60755 })),
  'mode that is no number': malformed(/mode is not/, () => tgz(file('a', { mode: 'rwxrwxr\0' }))),
  'negative mode': malformed(/mode is not/, () => tgz(file('a', { mode: '-000001\0' }))),
  'file capability by pax': unsafe(/security\.capability/, () =>
    tgz(paxPart([['SCHILY.xattr.security.capability', 'AQAAAgAAAAAAAAAA']]), file('a')),
  ),

  // Extended headers
  'pax linkpath on a file': unsafe(/linkpath/, () => tgz(paxPart([['linkpath', '/etc/passwd']]), file('a'))),
  'pax size smaller than the header': unsafe(/another size/, () => tgz(paxPart([['size', '0']]), file('a'))),
  'pax size larger than the header': unsafe(/another size/, () => tgz(paxPart([['size', '2048']]), file('a'))),
  'pax size in another notation': unsafe(/another size/, () => tgz(paxPart([['size', '010']]), file('a'))),
  'pax type': unsafe(/"type"/, () => tgz(paxPart([['type', 'SymbolicLink']]), file('a'))),
  'pax keyword nobody knows': unsafe(/EVIL\.key/, () => tgz(paxPart([['EVIL.key', '1']]), file('a'))),
  'pax binary character set': unsafe(/hdrcharset/, () => tgz(paxPart([['hdrcharset', 'BINARY']]), file('a'))),
  'pax path twice': malformed(/twice/, () =>
    tgz(
      paxPart([
        ['path', 'a'],
        ['path', 'b'],
      ]),
      file('c'),
    ),
  ),
  'pax path empty': unsafe(/empty/, () => tgz(paxPart([['path', '']]), file('c'))),
  'pax record smuggled behind a line break': malformed(/line break/, () =>
    tgz(paxPart([['comment', `x\n${paxRecord('path', '../evil')}`]]), file('a')),
  ),
  'pax length too long': malformed(/wrong length/, () =>
    tgz({ name: 'p', type: 'x', body: '99 path=evil\n' }, file('a')),
  ),
  'pax length too short': malformed(/wrong length/, () =>
    tgz({ name: 'p', type: 'x', body: '5 path=evil\n' }, file('a')),
  ),
  'pax length zero': malformed(/without a length/, () =>
    tgz({ name: 'p', type: 'x', body: '0 path=evil\n' }, file('a')),
  ),
  'pax length negative': malformed(/without a length/, () =>
    tgz({ name: 'p', type: 'x', body: '-9 path=a\n' }, file('a')),
  ),
  'pax record without a keyword': malformed(/keyword/, () =>
    tgz({ name: 'p', type: 'x', body: '7 =bad\n' }, file('a')),
  ),
  'pax header empty': malformed(/is empty/, () => tgz({ name: 'p', type: 'x' }, file('a'))),
  'pax header twice': malformed(/follows another/, () =>
    tgz(paxPart([['path', 'a']]), paxPart([['path', 'b']]), file('c')),
  ),
  'pax header of no entry': malformed(/belongs to no entry/, () => tgz(file('a'), paxPart([['path', 'b']]))),
  'pax header beyond its bound': tooLarge(/extended header is/, () =>
    tgz(paxPart([['comment', 'x'.repeat(300_000)]]), file('a')),
  ),
  'global pax path': unsafe(/global path/, () =>
    gzipSync(bare(paxPart([['path', '../evil']], 'g'), manifestPart(), file('main.js'), END)),
  ),
  'global pax size': unsafe(/global size/, () =>
    gzipSync(bare(paxPart([['size', '0']], 'g'), manifestPart(), file('main.js'), END)),
  ),
  'global pax header between entries': malformed(/not the first/, () =>
    tgz(paxPart([['comment', 'x']], 'g'), file('a')),
  ),
  'GNU long name in a ustar archive': malformed(/not written by GNU/, () => tgz(longName('evil', 'ustar'), file('e'))),
  'GNU long name of another file': unsafe(/another name/, () =>
    tgz(longName('evil.js'), file('good.js', { magic: 'gnu' })),
  ),
  'GNU long name without an end': malformed(/after its end/, () =>
    tgz({ name: '././@LongLink', type: 'L', body: 'evil', magic: 'gnu' }, file('evil', { magic: 'gnu' })),
  ),
  'GNU long name and pax path': malformed(/follows another/, () =>
    tgz(paxPart([['path', 'a']]), longName('b'), file('b', { magic: 'gnu' })),
  ),

  // Sizes and headers
  'negative size': malformed(/size is not/, () => tgz(file('a', { size: '-0000000010\0' }))),
  'base-256 size': malformed(/size is not/, () =>
    tgz(file('a', { size: Buffer.from('800000000000000000000008', 'hex') })),
  ),
  'negative base-256 size': malformed(/size is not/, () =>
    tgz(file('a', { size: Buffer.from('ffffffffffffffffffffffff', 'hex') })),
  ),
  'size that is no number': malformed(/size is not/, () => tgz(file('a', { size: '0x000000010\0' }))),
  'size with digits after its end': malformed(/size is not/, () => tgz(file('a', { size: '000\x0000000010' }))),
  'empty size': malformed(/size is not/, () => tgz(file('a', { size: Buffer.alloc(12) }))),
  'size beyond the data': malformed(/ends after/, () => tgz(file('a', { size: '00000100000\0' }))),
  'size beyond the last block': malformed(/ends after|end blocks/, () =>
    gzipSync(bare(manifestPart(), file('a', { size: '00000001777\0' }))),
  ),
  'size of eight gibibytes': tooLarge(/the bound is/, () => tgz(file('a', { size: '77777777777\0' }))),
  'checksum off by one': malformed(/checksum/, () => tgz(file('a', { checksumOff: 1 }))),
  'checksum of signed bytes': malformed(/checksum/, () =>
    tgz(file('é', { checksumOff: -256 * Buffer.from('é').length })),
  ),
  'checksum blank': malformed(/checksum/, () => {
    const part = tarPart(file('a'))
    part.fill(0x20, 148, 156)
    return tgz(part)
  }),
  'magic of no known format': malformed(/neither ustar/, () => tgz(file('a', { magic: 'nonsense' }))),
  'no magic (v7)': malformed(/neither ustar/, () => tgz(file('a', { magic: 'v7' }))),
  'bytes behind the prefix': malformed(/unused part/, () => tgz(file('a', { patch: [[500, 'tar\0']] }))),
  'NUL inside the prefix': malformed(/unused part/, () => tgz(file('a', { prefix: 'lib\0evil' }))),

  // The end of the archive
  'no end blocks': malformed(/end blocks/, () => gzipSync(bare(manifestPart(), file('a')))),
  'one end block': malformed(/one end block/, () => gzipSync(bare(manifestPart(), file('a'), Buffer.alloc(512)))),
  'cut inside a header': malformed(/multiple of 512/, () => gzipSync(tarOf(file('a')).subarray(0, 1100))),
  'cut inside a body': malformed(/multiple of 512/, () => gzipSync(tarOf(file('a')).subarray(0, 530))),
  'unpadded last body': malformed(/multiple of 512/, () => tgz(file('a', { unpadded: true }))),
  'entry after the end': malformed(/after its end/, () =>
    gzipSync(Buffer.concat([tarOf(file('a')), tarOf(file('../b'))])),
  ),
  'entry between the end blocks': malformed(/after its end/, () =>
    gzipSync(bare(manifestPart(), Buffer.alloc(512), file('a'), END)),
  ),
  'one byte after the end': malformed(/after its end/, () => {
    const tar = Buffer.concat([tarOf(file('a')), Buffer.alloc(512)])
    tar[tar.length - 1] = 1
    return gzipSync(tar)
  }),
  'empty archive': malformed(/no plugin\.json/, () => gzipSync(END)),
  'nothing at all': malformed(/end blocks/, () => gzipSync(Buffer.alloc(0))),
  'no tar in the gzip': malformed(/checksum|multiple/, () => gzipSync(Buffer.alloc(1024, 'not a tar archive '))),

  // The gzip around it
  'not gzip': malformed(/not gzip/, () => tarOf(file('a'))),
  'empty file': malformed(/not gzip/, () => Buffer.alloc(0)),
  'only a gzip header': malformed(/cut short/, () => good().subarray(0, 10)),
  'gzip cut in its stream': malformed(/cut short|damaged|more than/, () => good().subarray(0, 60)),
  'gzip cut in its trailer': malformed(/cut short|follows|more than/, () => good().subarray(0, -3)),
  'gzip cut before its trailer': malformed(/cut short|follows|more than/, () => good().subarray(0, -8)),
  'bytes after the gzip member': malformed(/follow/, () => Buffer.concat([good(), Buffer.from('hello, world')])),
  'zeros after the gzip member': malformed(/follow/, () => Buffer.concat([good(), Buffer.alloc(512)])),
  'two gzip members': malformed(/follow/, () => Buffer.concat([good(), good()])),
  'archive split over two gzip members': malformed(/follow/, () => {
    const tar = tarOf(file('a'))
    return Buffer.concat([gzipSync(tar.subarray(0, 1024)), gzipSync(tar.subarray(1024))])
  }),
  'empty second gzip member': malformed(/follow/, () => Buffer.concat([good(), gzipSync(Buffer.alloc(0))])),
  'gzip in gzip': malformed(/multiple|checksum/, () => gzipSync(good())),
  'wrong gzip checksum': malformed(/CRC-32/, () => patched(good(), -8)),
  'wrong gzip length': malformed(/trailer says|more than/, () => patched(good(), -4)),
  'gzip length beyond every bound': malformed(/trailer says/, () => patched(good(), -1, 0xff)),
  'unknown gzip method': malformed(/method/, () => patched(good(), 2)),
  'gzip header checksum': malformed(/flags/, () => flagged(good(), 0x02, Buffer.of(0, 0))),
  'gzip extra field': malformed(/flags/, () => flagged(good(), 0x04, Buffer.of(2, 0, 65, 66))),
  'reserved gzip flags': malformed(/flags/, () => flagged(good(), 0xe0, Buffer.alloc(0))),
  'gzip name without an end': malformed(/text field/, () => flagged(good(), 0x08, Buffer.alloc(8192, 'x'))),
  'zlib instead of gzip': malformed(/not gzip/, () => Buffer.concat([Buffer.of(0x78, 0x9c), good().subarray(10)])),
  'zstd instead of gzip': malformed(/not gzip/, () => Buffer.from('28b52ffd00582900', 'hex')),

  // Bombs
  'bomb by ratio': tooLarge(/says that it unpacks to/, () => gzipSync(Buffer.alloc(64 * 2 ** 20)), {
    unpackedBytes: 2 ** 20,
  }),
  'bomb that lies about its length': malformed(/more than the 16 bytes/, () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20))
    bomb.writeUInt32LE(16, bomb.length - 4)
    return bomb
  }),
  'bomb by zeros after the end': tooLarge(/zero bytes/, () =>
    gzipSync(Buffer.concat([tarOf(), Buffer.alloc(2 ** 21)])),
  ),
  'bomb by count': tooLarge(/more than 100 files/, () => tgz(...many(200, (at) => `f${at}`)), { entries: 100 }),
  'bomb by implied folders': tooLarge(
    /more than 100 files/,
    () => tgz(...many(10, (at) => `${`d${at}/`.repeat(20)}f`)),
    {
      entries: 100,
    },
  ),
  'bomb by depth': tooLarge(/deep/, () => tgz(file(`${'d/'.repeat(40)}f`))),
  'bomb by depth in a pax path': tooLarge(/path is|deep/, () =>
    tgz(paxPart([['path', `${'d/'.repeat(20_000)}f`]]), file('f')),
  ),
  'bomb by one large file': tooLarge(/the bound is 100/, () => tgz(file('a', { body: 'x'.repeat(600) })), {
    fileBytes: 100,
  }),
  'name beyond its bound': tooLarge(/segment of its path/, () => tgz(paxPart([['path', 'n'.repeat(256)]]), file('a'))),
  'name beyond its bound in bytes': tooLarge(/segment of its path/, () =>
    tgz(paxPart([['path', 'ü'.repeat(128)]]), file('a')),
  ),
  'path beyond its bound': tooLarge(/path is/, () =>
    tgz(paxPart([['path', 'n'.repeat(200).concat('/').repeat(6).concat('f')]]), file('a')),
  ),

  // The manifest
  'no manifest': malformed(/no plugin\.json/, () => gzipSync(bare(file('main.js'), END))),
  'manifest twice': unsafe(/twice/, () => tgz(manifestPart())),
  'manifest as a folder': malformed(/folder/, () =>
    gzipSync(bare({ name: 'plugin.json/', type: '5' }, file('a'), END)),
  ),
  'manifest too large': tooLarge(/plugin\.json/, () =>
    gzipSync(bare(file('plugin.json', { body: ' '.repeat(300_000) }), END)),
  ),
  'manifest in a sub-folder only': malformed(/no plugin\.json/, () =>
    gzipSync(bare(manifestPart('lib/plugin.json'), END)),
  ),
  'manifest in the npm folder, another file beside it': malformed(/no plugin\.json/, () =>
    gzipSync(bare(manifestPart('package/plugin.json'), file('main.js'), END)),
  ),
  'AppleDouble shadow instead of the manifest': malformed(/no plugin\.json/, () =>
    gzipSync(bare(manifestPart('._plugin.json'), END)),
  ),
} as const satisfies Record<string, HostileArchive>

export type HostileName = keyof typeof HOSTILE_ARCHIVES

export const hostileArchive = (name: HostileName): HostileArchive => HOSTILE_ARCHIVES[name]

function patched(bytes: Buffer, at: number, mask: number = 1): Buffer {
  const copy = Buffer.from(bytes)
  const index = at < 0 ? copy.length + at : at
  copy[index] = (copy[index] ?? 0) ^ mask
  return copy
}

function flagged(bytes: Buffer, flag: number, field: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, 3), Buffer.of(flag), bytes.subarray(4, 10), field, bytes.subarray(10)])
}
