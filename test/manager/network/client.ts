import { readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ReleaseSpec } from '../../helpers/authority.ts'
import { compile } from '../../helpers/compile.ts'
import { manifestOf } from '../household.ts'

const source = readFileSync(join(import.meta.dirname, 'client.c'), 'utf8')

/** The raw TCP client as a plugin, with that list. */
export async function clientPlugin(network: readonly string[], limits: object = {}): Promise<ReleaseSpec> {
  const manifest = manifestOf({ permissions: { network }, limits })
  return { files: { 'bin/x': readFileSync(await compile(source)), 'plugin.json': manifest }, executable: ['bin/x'] }
}

export interface Echo {
  readonly port: number
  /** How many connections came. */
  readonly came: () => number
}

/** Sends back what comes. */
export async function echo(t: TestContext, address: string, port = 0): Promise<Echo> {
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(port, address, done)
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, came: () => sockets.length }
}
