import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import type { PluginManager } from '../src/index.ts'
import type { Stage } from './stage.ts'
import { interleave, quantile } from './statistics.ts'
import { type Row, rowOf } from './table.ts'

const exec = promisify(execFile)

const NAME = 'acme/relayed'
const MIB = 2 ** 20

/** What the relay adds to a connection of loopback, where the network itself costs least: its own cost shows most. */
export async function relay(stage: Stage): Promise<Row[]> {
  const client = await compile(stage)
  const server = spawn(client, ['serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => server.kill('SIGKILL'))
  try {
    const port = await portOf(server)
    const manager = await installed(stage, client, port)
    const rows = await measure(stage, manager, client, port)
    await manager.close()
    return rows
  } finally {
    server.kill('SIGKILL')
  }
}

async function measure(stage: Stage, manager: PluginManager, client: string, port: number): Promise<Row[]> {
  const pair = async (what: string, amount: number, rounds: number): Promise<number[][]> => {
    const args = [what, String(port), String(amount)]
    const ours = async (): Promise<number> => {
      const run = await manager.run(NAME, { args, stdio: { stdin: 'ignore', stderr: 'inherit' } })
      const [output, outcome] = await Promise.all([text(run.stdout as Readable), run.outcome])
      if (outcome.code !== 0) throw new Error(`cannot measure the relay: ${JSON.stringify(outcome)}`)
      return medianMs(output)
    }
    const direct = async (): Promise<number> => medianMs((await exec(client, args)).stdout)
    await interleave(1, [ours, direct])
    return interleave(rounds, [ours, direct])
  }
  const bytes = stage.rounds(256, 64) * MIB
  const [down = [], downDirect = []] = await pair('down', bytes, stage.rounds(20, 4))
  const [trip = [], tripDirect = []] = await pair('round', 2000, stage.rounds(20, 4))
  const [connect = [], connectDirect = []] = await pair('connect', 200, stage.rounds(20, 4))
  const speed = (ms: readonly number[]): string => (bytes / 1e6 / (quantile(ms, 0.5) / 1000)).toFixed(0)
  stage.note(`relay: ${speed(down)} MB/s through it, ${speed(downDirect)} MB/s directly`)
  const row = { against: 'direct, loopback', unit: 'ms' } as const
  return [
    rowOf({ ...row, work: `relay: ${bytes / MIB} MiB to the plugin`, ours: down, theirs: downDirect }),
    rowOf({ ...row, work: 'relay: a byte there and back', ours: trip, theirs: tripDirect }),
    rowOf({ ...row, work: 'relay: connect, a byte there and back', ours: connect, theirs: connectDirect }),
  ]
}

/** Static, so that the same program runs in both places with the same libraries. */
async function compile(stage: Stage): Promise<string> {
  const client = stage.path('relay-client')
  const flags = ['-std=gnu11', '-O2', '-static', '-Wall', '-Wextra', '-Werror']
  await exec(process.env.CC ?? 'cc', [...flags, '-o', client, join(import.meta.dirname, 'relay.c')])
  return client
}

async function portOf({ stdout }: ChildProcess): Promise<number> {
  const line = await new Promise<Buffer>((done) => (stdout as Readable).once('data', done))
  return Number(line.toString())
}

/** The client as a plugin that may reach that server, with two processors: what it shares with the relay is not its quota. */
async function installed(stage: Stage, client: string, port: number): Promise<PluginManager> {
  const folder = stage.path('relayed')
  await mkdir(join(folder, 'bin'), { recursive: true })
  await copyFile(client, join(folder, 'bin/client'))
  const manifest = {
    name: NAME,
    version: '1.0.0',
    entry: { runtime: 'exec', path: 'bin/client' },
    limits: { cpu: 2, network: '64G' },
    permissions: { network: [`127.0.0.1:${port}`] },
  }
  await writeFile(join(folder, 'plugin.json'), JSON.stringify(manifest))
  const { manager } = await stage.home('relay-home', { privateAddresses: [`127.0.0.1:${port}`] })
  await manager.install(await stage.publish(folder), { consent: () => true })
  return manager
}

/** Of nanoseconds, a line each. */
const medianMs = (output: string): number => quantile(output.trim().split('\n').map(Number), 0.5) / 1e6
