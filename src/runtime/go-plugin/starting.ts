import { setTimeout as sleep } from 'node:timers/promises'
import { CallError, TimeoutError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import type { Run } from '../launching/launcher.ts'
import type { OwnCertificate } from './certificate.ts'
import { mutualIdentity, plainIdentity } from './credentials.ts'
import { endedError, endedWithin } from './ending.ts'
import { type FirstLine, LINE_MAX_BYTES, readFirstLine } from './first-line.ts'
import { GoPlugin } from './go-plugin.ts'
import type { GrpcLibrary } from './grpc-library.ts'
import { type Handshake, parseHandshake } from './handshake.ts'
import { followLines, LogReader, type PluginLogEntry } from './log-lines.ts'
import { PluginFolder } from './plugin-folder.ts'

export interface Launch {
  readonly name: string
  /** All three of its streams are pipes of this process. */
  readonly run: Run
  readonly grpc: GrpcLibrary
  /** Ours, for mutual TLS; `null`: in the clear. */
  readonly own: OwnCertificate | null
  readonly protocolVersions: readonly number[]
  /** From the start of the run until it serves. */
  readonly startTimeoutMs: number
  readonly maxMessageBytes: number
  readonly onLog: ((entry: PluginLogEntry) => void) | undefined
}

/** Lines of stderr that an error repeats. */
const SAID_LINES = 20
/** After the end of stdout, how long the end of the process may take. */
const END_MS = 500

/** From a run that has just been started to a plugin that serves. The run is the caller's to end when this fails. */
export async function startGoPlugin(launch: Launch): Promise<GoPlugin> {
  const { name, run, grpc, own, maxMessageBytes } = launch
  const deadlineMs = performance.now() + launch.startTimeoutMs
  const said = followLog(launch)
  // go-plugin's own hosts give a plugin their standard input, of which it has to read nothing.
  run.stdin?.end()
  const handshake = parseHandshake(await handshakeLine(launch, said), {
    name,
    protocolVersions: launch.protocolVersions,
    autoMtls: own !== null,
  })
  const started = await run.started
  if (started === null) throw endedError(`start ${name}`, await run.outcome, { said })
  const { folder, pid } = await openFolder(launch, started.pid, said)
  try {
    const identity =
      own === null || handshake.certificate === null
        ? plainIdentity(grpc)
        : mutualIdentity(grpc, own, handshake.certificate)
    const reattach = reattachOf(handshake, { name, run: run.run, pid })
    const leftMs = Math.max(1, deadlineMs - performance.now())
    const options = { grpc, identity, folder, reattach, isMutual: own !== null, maxMessageBytes, run }
    return await GoPlugin.connect(options, leftMs)
  } catch (error) {
    folder.close()
    throw error
  }
}

const reattachOf = (
  { protocolVersion, address }: Handshake,
  of: { readonly name: string; readonly run: string; readonly pid: number },
) => ({ protocol: 'grpc' as const, protocolVersion, address, ...of })

/** Its folder goes with its processes: what cannot be opened any more is of a plugin that has ended. */
async function openFolder({ name, run }: Launch, initPid: number, said: readonly string[]) {
  try {
    return PluginFolder.open(name, initPid)
  } catch (error) {
    const outcome = await endedWithin(run, END_MS)
    throw outcome === null ? error : endedError(`start ${name}`, outcome, { said, cause: error })
  }
}

async function handshakeLine(launch: Launch, said: readonly string[]): Promise<string> {
  const { name, run, startTimeoutMs } = launch
  if (run.stdout === null) throw new CallError('GRPC_HANDSHAKE_INVALID', `cannot start ${name}: it has no stdout`)
  const bound = new AbortController()
  const late = sleep(startTimeoutMs, 'late' as const, { signal: bound.signal }).catch(() => 'late' as const)
  let first: FirstLine | 'late'
  try {
    first = await Promise.race([readFirstLine(run.stdout), late])
  } finally {
    bound.abort()
  }
  if (first === 'late') {
    const seconds = startTimeoutMs / 1000
    throw new TimeoutError('START_TIMEOUT', `cannot start ${name}: no handshake came in ${seconds} s${tail(said)}`, {
      hint: 'is its entry a go-plugin server, and is this its cookie?',
    })
  }
  switch (first.kind) {
    case 'line':
      return first.text
    case 'endless':
      throw new CallError(
        'GRPC_HANDSHAKE_INVALID',
        `cannot start ${name}: its first line has more than ${LINE_MAX_BYTES} bytes: "${printable(first.head, 80)}"`,
      )
    case 'ended': {
      const outcome = await endedWithin(run, END_MS)
      if (outcome !== null) throw endedError(`start ${name}`, outcome, { said })
      const words = first.head === '' ? '' : `, after "${printable(first.head, 80)}"`
      const message = `cannot start ${name}: it closed stdout without a handshake${words}${tail(said)}`
      throw new CallError('GRPC_HANDSHAKE_INVALID', message)
    }
  }
}

const tail = (said: readonly string[]): string => (said.length === 0 ? '' : `; it said: ${said.slice(-5).join(' | ')}`)

/** Reads stderr for ever; gives a list that always holds its last lines. */
function followLog({ run, onLog }: Launch): readonly string[] {
  const said: string[] = []
  const reader = new LogReader()
  if (run.stderr === null) return said
  followLines(run.stderr, (line, continues) => {
    const entry = reader.read(line, continues)
    if (said.push(printable(entry.message)) > SAID_LINES) said.shift()
    // In a turn of its own: what the host's function throws is the host's own affair.
    if (onLog !== undefined) setImmediate(onLog, entry)
  })
  return said
}
