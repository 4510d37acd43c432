// The world outside of a sandbox: a program of the plugin's, servers of this host's loopback, and what a run told.

import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { compartment, compileFile, launch, type Result, type Run, start } from '../launcher/launch.ts'

let program: string | undefined

export function clientProgram(): string {
  program ??= compileFile(import.meta.dirname, 'client.c')
  return program
}

/** One decision, as the journal has it. */
export interface Decision {
  readonly verdict: 'allowed' | 'denied'
  readonly name: string
  readonly port: number
  readonly address: string | null
  readonly reason: string | null
  readonly count: number
}

export interface Network {
  readonly allow?: readonly string[]
  readonly private?: readonly string[]
  readonly connections?: number
  readonly bytes?: number
}

/** A run of the client with that network. */
export function withNetwork(network: Network, run: Partial<Run> = {}): Run {
  const { allow = [], connections = 64, bytes = 0 } = network
  const list = [
    ...allow.map((one) => ['network', one] as const),
    ...(network.private ?? []).map((one) => ['network-private', one] as const),
  ]
  return {
    in: compartment(clientProgram()),
    ...run,
    set: { ...(allow.length > 0 ? { connections, 'network-bytes': bytes } : {}), ...run.set },
    add: [...list, ...(run.add ?? [])],
  }
}

export interface Told {
  readonly result: Result
  readonly lines: readonly string[]
  readonly decisions: readonly Decision[]
}

export function toldBy(result: Result): Told {
  const report = result.report.split('\n').filter((line) => line !== '')
  const decisions = report.map((line) => JSON.parse(line)).filter(({ event }) => event === 'network')
  return {
    result,
    lines: result.stdout.split('\n').filter((line) => line !== ''),
    decisions: decisions.map(({ verdict, name, port, address, reason, count }) => ({
      verdict,
      name,
      port,
      address,
      reason,
      count,
    })),
  }
}

export async function tryout(network: Network, args: readonly string[], run: Partial<Run> = {}): Promise<Told> {
  return toldBy(await launch(withNetwork(network, { ...run, args })))
}

export const startWith = (network: Network, args: readonly string[], run: Partial<Run> = {}) =>
  start(withNetwork(network, { ...run, args }))

export interface Service {
  readonly port: number
  readonly connections: readonly Socket[]
  close(): Promise<void>
}

/** A server of this host. `serve` gets each connection; without it what came is sent back. */
export async function serve(
  address = '127.0.0.1',
  handle: (socket: Socket) => void = (socket) => void socket.pipe(socket),
): Promise<Service> {
  const connections: Socket[] = []
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.push(socket)
    socket.on('error', () => {})
    handle(socket)
  })
  await new Promise<void>((done) => server.listen({ host: address, port: 0, backlog: 1024 }, done))
  return {
    port: (server.address() as { port: number }).port,
    connections,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        for (const socket of connections) socket.destroy()
      }),
  }
}

/** Sends back what comes; in a thread of its own, for tests that wait for a program by blocking theirs. */
export async function echoInThread(t: TestContext): Promise<number> {
  const worker = new Worker(
    `const server = require('node:net').createServer((socket) => socket.on('error', () => {}).pipe(socket))
     server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address().port))`,
    { eval: true },
  )
  t.after(() => worker.terminate())
  const [port] = (await once(worker, 'message')) as [number]
  return port
}
