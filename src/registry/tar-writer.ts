/** One regular file of a package. */
export interface TarFile {
  readonly path: string
  readonly executable: boolean
  readonly bytes: Buffer
}

const BLOCK = 512
const NAME_MAX = 100
const PREFIX_MAX = 155
const ASCII = /^[\x20-\x7e]*$/
/** The time npm gives every file of a package, after 1980 because other formats cannot go before. */
const MTIME_SECONDS = Date.UTC(1985, 9, 26, 8, 15) / 1000

/** The same files in the same order give the same bytes: fixed time, owner, modes, and one way to write a name. */
export function writeTar(files: readonly TarFile[]): Buffer {
  const blocks: Buffer[] = []
  for (const { path, executable, bytes } of files) {
    const place = placeOf(path)
    if (place === null) {
      const record = paxRecord('path', path)
      // The header's own name is never read: the extended header gives it.
      blocks.push(header('x', { name: 'pax-header', prefix: '' }, record.length, false), padded(record))
    }
    blocks.push(header('0', place ?? { name: 'pax-entry', prefix: '' }, bytes.length, executable), padded(bytes))
  }
  blocks.push(Buffer.alloc(2 * BLOCK))
  return Buffer.concat(blocks)
}

interface Place {
  readonly name: string
  readonly prefix: string
}

/** Where ustar has room for the path, or `null`: then it needs an extended header. */
function placeOf(path: string): Place | null {
  // POSIX leaves the encoding of a ustar name open and fixes that of an extended header: UTF-8.
  if (!ASCII.test(path)) return null
  if (path.length <= NAME_MAX) return { name: path, prefix: '' }
  const slash = path.indexOf('/', path.length - NAME_MAX - 1)
  return slash < 0 || slash > PREFIX_MAX ? null : { name: path.slice(slash + 1), prefix: path.slice(0, slash) }
}

function header(type: string, { name, prefix }: Place, size: number, executable: boolean): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(name, 0, NAME_MAX, 'latin1')
  block.write(executable ? '0000755\0' : '0000644\0', 100, 'latin1')
  block.write('0000000\x000000000\0', 108, 'latin1')
  block.write(`${octal(size)}\0`, 124, 'latin1')
  block.write(`${octal(MTIME_SECONDS)}\0`, 136, 'latin1')
  block.write(`        ${type}`, 148, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write(prefix, 345, PREFIX_MAX, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

const octal = (value: number): string => value.toString(8).padStart(11, '0')

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % BLOCK
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(BLOCK - rest)])
}

/** `LENGTH KEY=VALUE\n`: the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const body = Buffer.from(` ${key}=${value}\n`)
  let length = body.length + 1
  while (String(length).length + body.length !== length) length = String(length).length + body.length
  return Buffer.concat([Buffer.from(String(length)), body])
}
