// Prints how long a static program takes from start to exit: bare, in the launcher with every layer and every
// cgroup, and in `bwrap --unshare-all` where there is one. Not a test: `node test/runtime/launcher/latency.ts [ROUNDS]`.

import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compartment, compile, compileFile, encode, launcherPath, scratch, specification } from './launch.ts'

const rounds = process.argv[2] ?? '500'
const program = compile('int main(void) { return 0; }')
const latency = compileFile(import.meta.dirname, 'latency.c')
const spec = join(scratch(), 'spec')
writeFileSync(spec, encode(specification({ in: compartment(program) })))

const bwrap = '/usr/bin/bwrap'
const theirs = existsSync(bwrap)
  ? [
      bwrap,
      '--unshare-all',
      '--die-with-parent',
      '--ro-bind',
      join(program, '..'),
      '/plugin',
      '--tmpfs',
      '/tmp',
      '--proc',
      '/proc',
      '--dev',
      '/dev',
      `/plugin/${program.split('/').at(-1)}`,
    ]
  : []
const lines = execFileSync(latency, [rounds, spec, launcherPath(), program, ...theirs], { encoding: 'utf8' })
  .trim()
  .split('\n')
const medians = new Map<string, number>()
for (const line of lines) {
  const [name = '', median, tenth, ninetieth] = line.split(' ')
  medians.set(name, Number(median))
  console.log(`${name.padEnd(9)} median ${median} µs   (10 %: ${tenth}, 90 %: ${ninetieth})`)
}
const ours = medians.get('launcher') ?? 0
for (const [name, median] of medians)
  if (name !== 'launcher') console.log(`launcher / ${name} = ${(ours / median).toFixed(2)}`)
