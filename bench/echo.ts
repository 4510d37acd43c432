import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { PluginManager } from '../src/index.ts'
import { CHECKOUT, type Stage } from './stage.ts'

/** A plugin that answers what it was asked with, in Node and by the author's kit; and its folder, to be run bare. */
export interface Echo {
  readonly manager: PluginManager
  readonly name: string
  readonly folder: string
}

const MAIN = `import { serve } from './plugin.js'
await serve({ echo: (params) => params })
`

export async function echo(stage: Stage, home: string): Promise<Echo> {
  const folder = stage.path(`${home}-echo`)
  await mkdir(folder)
  await copyFile(join(CHECKOUT, 'dist/js/plugin.js'), join(folder, 'plugin.js'))
  await writeFile(join(folder, 'main.mjs'), MAIN)
  const manifest = {
    name: 'acme/echo',
    version: '1.0.0',
    entry: { runtime: 'node', path: 'main.mjs' },
    protocol: 'jsonrpc',
    limits: { cpu: 2 },
  }
  await writeFile(join(folder, 'plugin.json'), JSON.stringify(manifest))
  const tarball = await stage.publish(folder)
  // What is measured is the way to a plugin, not the quota of its processor time.
  const { manager } = await stage.home(home, { profile: 'development' })
  const { name } = await manager.install(tarball, { consent: () => true })
  return { manager, name, folder }
}

/** The same program as a bare child process of this Node. */
export const bareEcho = (folder: string): ChildProcess =>
  spawn(process.execPath, [join(folder, 'main.mjs')], { stdio: ['pipe', 'pipe', 'ignore'], env: {} })

/** What anybody would write: a line out, a line in, an answer by its number. */
export class BareChannel {
  readonly #stdin: Writable
  readonly #waiting = new Map<number, (result: unknown) => void>()
  #last = 0

  constructor(stdin: Writable, stdout: Readable) {
    this.#stdin = stdin
    let rest = ''
    stdout.setEncoding('utf8')
    stdout.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const { id, result } = JSON.parse(line) as { id: number; result: unknown }
        this.#waiting.get(id)?.(result)
        this.#waiting.delete(id)
      }
    })
  }

  call(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#last
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, resolve)
    this.#stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return promise
  }
}
