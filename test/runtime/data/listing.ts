// What a tree holds, as far as a copy has to keep it.

import { execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../../src/core/digest.ts'

/** One line for each entry: type, mode, owner, times, names, and what is in it. */
export function listing(top: string, at = ''): string[] {
  return readdirSync(join(top, at), { encoding: 'buffer' })
    .map((name) => name.toString('latin1'))
    .sort()
    .filter((name) => at !== '' || name !== 'lost+found')
    .flatMap((name) => {
      const path = join(at, name)
      const full = join(top, path)
      const { mode, uid, gid, mtimeMs, nlink, size } = lstatSync(full)
      const type = mode & 0o170000
      const kinds: Record<number, string> = { 16807: 'file', 9604: 'folder', 21609: 'link', 2401: 'fifo' }
      const kind = kinds[type] ?? type.toString(8)
      const head = `${JSON.stringify(path)} ${kind} ${(mode & 0o7777).toString(8)} ${uid}:${gid} ${mtimeMs}`
      if (kind === 'folder') return [head, ...listing(top, path)]
      if (kind === 'link') return [`${head} ${readlinkSync(full)}`]
      return kind === 'file' ? [`${head} x${nlink} ${size} ${sha256(readFileSync(full))}`] : [head]
    })
}

/** `user.` attributes of a file by Python, which is everywhere; Node has no call for them. Where there are none: `[]`. */
export const setAttribute = (path: string, name: string, value: string): void => void python(SET, path, name, value)
export const attributes = (path: string): string => python(GET, path).trim()

const SET = `
import errno, os, sys
try: os.setxattr(*sys.argv[1:3], sys.argv[3].encode())
except OSError as e:
    if e.errno != errno.ENOTSUP: raise`
const GET = 'import os, sys; p = sys.argv[1]; print(sorted((n, os.getxattr(p, n)) for n in os.listxattr(p)))'

const python = (program: string, ...args: string[]): string =>
  execFileSync('/usr/bin/python3', ['-c', program, ...args], { encoding: 'utf8' })
