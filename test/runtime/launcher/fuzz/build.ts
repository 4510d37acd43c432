import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const SOURCES = resolve(import.meta.dirname, '../../../../src/runtime/launcher')
const FLAGS = ['-g', '-O1', '-std=gnu11', '-D_GNU_SOURCE', '-w', '-I', SOURCES, '-I', join(SOURCES, 'relay')]
const BASE = ['refusal.c', 'text.c', 'names.c', 'layers.c']

/** Each with a program of its own beside this file, and what that needs of the launcher's other sources. */
export const FUZZED = {
  spec: { program: 'parse.c', sources: [...BASE, 'relay/allowlist.c', 'relay/addresses.c'] },
  report: { program: 'report.c', sources: BASE },
  seal: { program: 'seal.c', sources: BASE },
} as const

export type Fuzzed = keyof typeof FUZZED

export const CLANG_PACKAGES = 'clang libclang-rt-14-dev'
export const clang = ['/usr/bin/clang', '/usr/bin/clang-14', '/usr/bin/clang-19'].find((path) => existsSync(path))

/** Compiles a part of the launcher for the host, with the C library: what went wrong, or nothing. */
export function build(part: Fuzzed, compiler: string, out: string, flags: readonly string[]): string | null {
  const { program, sources } = FUZZED[part]
  const files = [join(import.meta.dirname, program), ...sources.map((file) => join(SOURCES, file))]
  const { status, stderr, error } = spawnSync(
    compiler,
    [...FLAGS, '-fno-sanitize-recover=all', ...flags, '-o', out, ...files],
    { encoding: 'utf8' },
  )
  if (error) throw error
  return status === 0 ? null : stderr
}

export const LIBFUZZER = ['-DLIBFUZZER', '-fsanitize=fuzzer,address,undefined']
