import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { compileNow } from '../helpers/compile.ts'
import { SCRATCH } from './scratch.ts'

/** What happens at a call that changes something below a folder: boundary.c tells of each. */
export type AtBoundary =
  | { readonly do: 'count' }
  | { readonly do: 'kill' | 'kill-all'; readonly at: number }
  | { readonly do: 'signal'; readonly at: number; readonly signal: number }
  | { readonly do: 'fail' | 'failing'; readonly at: number; readonly errno: number }
  /** While everything stands still; the shell command is given the number of the call. */
  | { readonly do: 'run'; readonly at: number; readonly every: number; readonly command: string }

/** One call, in the order in which they were made. */
export interface Call {
  readonly number: number
  /** By the program itself, not by one that it started. */
  readonly isOwn: boolean
  readonly name: string
  readonly path: string
}

export interface Traced {
  readonly calls: readonly Call[]
  /** `null`: a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** Programs that it had started and that outlived it have ended. */
  readonly over: Promise<void>
}

const ROOT = resolve(import.meta.dirname, '../..')
export const NODE = process.execPath
export const PLUGINS = join(ROOT, 'src/cli/bin.cjs')

let binary: string | undefined
export function boundaryProgram(): string {
  binary ??= compileNow(readFileSync(join(import.meta.dirname, 'boundary.c'), 'utf8'), '-std=gnu17', '-O1')
  return binary
}

/** Why no program can be traced here; `false`: it can. */
export async function cannotTrace(): Promise<string | false> {
  try {
    const { code, stderr } = await trace(SCRATCH, { do: 'count' }, ['/bin/true'])
    return code === 0 ? false : `no program can be traced here: ${stderr.trim()}`
  } catch (error) {
    return `no program can be traced here: ${(error as Error).message}`
  }
}

/** Of this host's environment, only what finds programs; and nobody's home but that of the command line. */
const ENV = { PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', HOME: '/root' }

/** Runs a program to its end, or until it was killed: then what it had started may still go on. */
export async function trace(below: string, what: AtBoundary, argv: readonly string[]): Promise<Traced> {
  const folder = mkdtempSync(join(SCRATCH, 'traced-'))
  const [stdout, stderr, log] = ['stdout', 'stderr', 'log'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const files = [stdout, stderr].map((path) => openSync(path, 'w', 0o600))
  const args = ['--below', below, '--log', log, ...flagsOf(what), '--', ...argv]
  const child = spawn(boundaryProgram(), args, { env: ENV, stdio: ['ignore', ...files, 'pipe'] })
  for (const file of files) closeSync(file)
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })
  const { promise: said, resolve: tell } = Promise.withResolvers<string>()
  lines.on('line', (line) => {
    if (line.startsWith('end ') || line.startsWith('killed ')) tell(line)
  })
  void ended.then(() => tell('failed'))
  const line = await said
  if (line === 'failed') throw new Error(readFileSync(stderr, 'utf8').trim())
  const [, , how, value] = line.split(' ')
  if (!line.startsWith('killed ')) await ended
  const traced = {
    calls: callsIn(readFileSync(log, 'utf8')),
    code: how === 'exit' ? Number(value) : null,
    stdout: readFileSync(stdout, 'utf8'),
    stderr: readFileSync(stderr, 'utf8'),
    over: ended.then(() => {}),
  }
  rmSync(folder, { recursive: true, force: true })
  return traced
}

function flagsOf(what: AtBoundary): string[] {
  switch (what.do) {
    case 'count':
      return ['--count']
    case 'kill':
    case 'kill-all':
      return ['--at', `${what.at}`, `--${what.do}`]
    case 'signal':
      return ['--at', `${what.at}`, '--signal', `${what.signal}`]
    case 'fail':
    case 'failing':
      return ['--at', `${what.at}`, `--${what.do}`, `${what.errno}`]
    case 'run':
      return ['--at', `${what.at}`, '--every', `${what.every}`, '--run', what.command]
  }
}

const callsIn = (log: string): Call[] =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [number = '', whose, name = '', path = ''] = line.split('\t')
      return { number: Number(number), isOwn: whose === 'own', name, path }
    })
