// A plugin's program is read by the manager itself, outside of every sandbox: what it says of itself must stay cheap.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readElf } from '../../../src/runtime/interpreter/elf.ts'
import { closureOf } from '../../../src/runtime/interpreter/libraries.ts'

const DYNAMIC = 64 + 2 * 56
const STRINGS = 0x20000

/** A program with these names of libraries, and its run path given so many times over. */
function program(needed: number, runpaths: number, folders: number): Buffer {
  const path = '/plugin/a:'.repeat(folders)
  const names = Array.from({ length: needed }, (_, at) => `lib${at}.so`)
  const strings = Buffer.from(`\0${path}\0${names.join('\0')}\0`)
  const file = Buffer.alloc(STRINGS + strings.length)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  file.writeUInt16LE(62, 18)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(2, 56)
  let at = DYNAMIC
  const dynamic = (tag: number, value: number) => {
    file.writeBigUInt64LE(BigInt(tag), at)
    file.writeBigUInt64LE(BigInt(value), at + 8)
    at += 16
  }
  dynamic(5, STRINGS)
  dynamic(10, strings.length)
  let name = path.length + 2
  for (const one of names) {
    dynamic(1, name)
    name += one.length + 1
  }
  for (let i = 0; i < runpaths; i++) dynamic(29, 1)
  for (const [index, type, offset, size] of [
    [0, 1, 0, file.length],
    [1, 2, DYNAMIC, at - DYNAMIC],
  ] as const) {
    const header = 64 + 56 * index
    file.writeUInt32LE(type, header)
    file.writeBigUInt64LE(BigInt(offset), header + 8)
    file.writeBigUInt64LE(BigInt(offset), header + 16)
    file.writeBigUInt64LE(BigInt(size), header + 32)
  }
  strings.copy(file, STRINGS)
  return file
}

function lookups(file: Buffer): number | null {
  const elf = readElf((offset, length) => file.subarray(offset, offset + length))
  if (elf === null) return null
  let asked = 0
  const files = {
    elf(path: string) {
      if (path === '/host/main') return elf
      asked++
      return null
    },
    real: () => null,
  }
  const roots = [{ path: '/host/main', inside: '/plugin/main' }]
  closureOf(roots, 'x64', files, { package: { outside: '/host' }, trustRunpath: false })
  return asked
}

test('a program cannot have the manager look for libraries in millions of places', () => {
  // Ten million opens for this one before there were bounds, and a file may say forty times as much.
  assert.equal(lookups(program(250, 100, 400)), null)
  assert.equal(lookups(program(250, 1, 400)), null)
  assert.equal(lookups(program(2000, 1, 1)), null)
  assert.equal(lookups(program(1, 3000, 1)), null)
})

test('an ordinary one is looked at as before', () => {
  assert.equal(lookups(program(10, 1, 4)), 40)
})
