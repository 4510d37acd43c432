import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, constants, openSync } from 'node:fs'
import type { Server } from 'node:net'
import { CallError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import { SOCKETS_INSIDE } from '../plan-binds.ts'

/**
 * Where this process has sockets for one plugin: a folder of the run's own, which the plugin is shown read-only. Whatever
 * the plugin does, nothing there is its own; and a user whose plugins have other ids can make sockets there, too.
 */
export class HostFolder {
  readonly #name: string
  readonly #fd: number
  #isClosed = false

  /** `path`: outside. */
  constructor(name: string, path: string) {
    this.#name = name
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  }

  /** Has a server listen there. Gives the address as the plugin has to dial it. @throws CallError `GRPC_BROKER_FAILED` */
  async listen(server: Server): Promise<string> {
    const base = randomBytes(12).toString('hex')
    // By number: a path of a socket is at most 107 bytes long, and that of a home may be any length.
    const path = `/proc/self/fd/${this.#fd}/${base}`
    try {
      if (this.#isClosed) throw new Error('the plugin was closed')
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, () => {
          server.off('error', reject)
          resolve()
        })
      })
      // The plugin is another user; nobody else comes by here.
      if (!this.#isClosed) chmodSync(path, 0o666)
    } catch (error) {
      server.close()
      const message = `cannot serve ${this.#name}: no socket can be made for it (${printable((error as Error).message)})`
      throw new CallError('GRPC_BROKER_FAILED', message, { cause: error })
    }
    return `${SOCKETS_INSIDE}/${base}`
  }

  /** After its servers: each takes its own socket away. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    closeSync(this.#fd)
  }
}
