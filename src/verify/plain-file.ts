import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { PluginError } from '../core/errors.ts'
import { printable } from '../core/printable.ts'

/**
 * A regular file that somebody handed over, wherever it lies: nothing is believed because of its place.
 * @throws PluginError `FILE_UNREADABLE`
 */
export function readPlainFile(path: string, maxBytes: number): Buffer {
  const unreadable = (reason: string, cause?: unknown) =>
    new PluginError('FILE_UNREADABLE', `cannot read ${printable(path, 400)}: ${reason}`, { cause })
  let fd: number
  try {
    // Opening a FIFO must not wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw unreadable(code === 'ENOENT' ? 'it is not there' : message, error)
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw unreadable('it is not a regular file')
    if (stat.size > maxBytes) throw unreadable(`expected at most ${maxBytes} bytes, found ${stat.size}`)
    return filled(fd, stat.size)
  } catch (error) {
    throw error instanceof PluginError ? error : unreadable((error as Error).message, error)
  } finally {
    closeSync(fd)
  }
}

/** As much as it held when it was looked at: one that grows meanwhile is not followed. */
function filled(fd: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  let length = 0
  while (length < size) {
    const got = readSync(fd, bytes, length, size - length, null)
    if (got === 0) break
    length += got
  }
  return bytes.subarray(0, length)
}
