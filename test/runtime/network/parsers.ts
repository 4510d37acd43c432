import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { scratch } from '../launcher/launch.ts'

const RELAY = join(import.meta.dirname, '../../../src/runtime/launcher/relay')
const SOURCE = join(import.meta.dirname, 'parsers.c')

let program: string | undefined

/** Built with the compiler's checks of memory and arithmetic where it has them. */
function built(): string {
  if (program !== undefined) return program
  const path = join(scratch(), 'parsers')
  const flags = ['-std=gnu17', '-D_GNU_SOURCE', '-O1', '-g', '-w', '-iquote', RELAY, '-I', RELAY, '-o', path, SOURCE]
  const checks = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']
  const checked = spawnSync('cc', [...checks, ...flags], { encoding: 'utf8' })
  if (checked.status !== 0) {
    console.log('without the compiler’s checks of memory: it has none here')
    execFileSync('cc', flags, { stdio: ['ignore', 'inherit', 'inherit'] })
  }
  program = path
  return path
}

/** What the relay's parsers make of each line. @throws Error when one of them reads or writes where it may not */
export function parse(lines: readonly string[]): string[] {
  const { status, stdout, stderr } = spawnSync(built(), {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status !== 0) throw new Error(`the parsers ended with ${status}: ${stderr.slice(0, 4000)}`)
  return stdout.split('\n').slice(0, -1)
}
