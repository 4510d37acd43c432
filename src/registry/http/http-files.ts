import type { IncomingMessage } from 'node:http'
import type { Sha256 } from '../../core/digest.ts'
import { FetchError, type PluginError, RegistryError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'
import type { DownloadOptions, ExpectedFile, RegistryFiles } from '../files.ts'
import { Lanes } from '../lanes.ts'
import type { AskOptions } from '../registry.ts'
import type { Downloads, PartFile } from './downloads.ts'
import { assertAnswer, setbackOf, WebServer } from './exchange.ts'
import { PATIENCE, type Patience, persistently, Setback } from './patience.ts'
import { Transfer } from './transfer.ts'

export interface HttpOptions {
  /** With a slash at its end. */
  readonly url: string
  readonly token?: () => Promise<string | null>
  /** `null`: nothing is kept of a transfer that breaks off. */
  readonly downloads?: Downloads | null
  readonly patience?: Partial<Patience>
}

/** Below that, asking for the whole again costs less than keeping a part. */
const PART_MIN_BYTES = 256 * 2 ** 10

/** A registry on a web server: static files are enough. */
export class HttpFiles implements RegistryFiles {
  readonly #url: URL
  readonly #server: WebServer
  readonly #patience: Patience
  readonly #downloads: Downloads | null
  readonly #lanes = new Lanes(6)

  constructor({ url, token = async () => null, downloads = null, patience = {} }: HttpOptions) {
    this.#url = new URL(url)
    this.#patience = { ...PATIENCE, ...patience }
    this.#server = new WebServer(this.#url, token, this.#patience)
    this.#downloads = downloads
  }

  addressOf(path: string): string {
    return this.#at(path).href
  }

  async read(path: string, maxBytes: number, options: AskOptions): Promise<Buffer | null> {
    const url = this.#at(path)
    return this.#patiently(url, 'REGISTRY_UNREACHABLE', options, this.#patience.totalMs, async (signal) => {
      const answer = await this.#server.ask(url, { signal })
      try {
        if (answer.statusCode === 404 || answer.statusCode === 410) return null
        assertAnswer(answer, [200])
        return await bounded(answer, maxBytes)
      } finally {
        answer.destroy()
      }
    })
  }

  async has(path: string, options: AskOptions): Promise<boolean> {
    const url = this.#at(path)
    return this.#patiently(url, 'REGISTRY_UNREACHABLE', options, this.#patience.totalMs, async (signal) => {
      const answer = await this.#server.ask(url, { method: 'HEAD', signal })
      answer.destroy()
      if (answer.statusCode === 404 || answer.statusCode === 410) return false
      assertAnswer(answer, [200])
      return true
    })
  }

  async download(path: string, expected: ExpectedFile, options: DownloadOptions): Promise<Buffer | null> {
    const url = this.#at(path)
    const part = await this.#partOf(expected)
    const transfer = new Transfer(this.#server, url, expected, { part, onBytes: options.onBytes ?? (() => {}) })
    const { totalMs: baseMs, bytesPerSecondMin } = this.#patience
    const totalMs = Math.ceil(baseMs + (expected.bytes / bytesPerSecondMin) * 1000)
    let keep = false
    try {
      await transfer.begin()
      const attempt = (signal: AbortSignal) => transfer.attempt(signal)
      return await this.#patiently(url, 'DOWNLOAD_FAILED', options, totalMs, attempt, () => transfer.best)
    } catch (error) {
      // Bytes that are not the listed ones are of no use to anybody; what came of the others is.
      keep = !(error instanceof RegistryError)
      throw error
    } finally {
      await part?.close(keep)
    }
  }

  async #partOf({ sha256, bytes }: { sha256: Sha256; bytes: number }): Promise<PartFile | null> {
    return bytes < PART_MIN_BYTES || this.#downloads === null ? null : this.#downloads.open(sha256, bytes)
  }

  /** The path has no character but `+` that an address gives another meaning to, and some servers read that as a blank. */
  #at(path: string): URL {
    return new URL(path.replaceAll('+', '%2B'), this.#url)
  }

  async #patiently<T>(
    url: URL,
    code: 'REGISTRY_UNREACHABLE' | 'DOWNLOAD_FAILED',
    { signal: caller }: AskOptions,
    totalMs: number,
    attempt: (signal: AbortSignal) => Promise<T>,
    progress?: () => number,
  ): Promise<T> {
    return this.#lanes.run(async () => {
      caller?.throwIfAborted()
      const deadline = AbortSignal.timeout(totalMs)
      const signal = caller === undefined ? deadline : AbortSignal.any([caller, deadline])
      try {
        return await persistently(this.#patience, signal, () => attempt(signal), progress)
      } catch (error) {
        if (caller?.aborted === true) throw caller.reason
        if (deadline.aborted) throw failed(code, url, `did not finish within ${totalMs} ms`, error)
        if (error instanceof Setback) throw failed(code, url, error.message, error)
        throw error
      }
    })
  }
}

async function bounded(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLong = () => new Setback(`answered with more than ${maxBytes} bytes`, false)
  const said = answer.headers['content-length']
  if (said !== undefined && Number(said) > maxBytes) throw tooLong()
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) throw tooLong()
      chunks.push(chunk)
    }
  } catch (error) {
    throw setbackOf(error)
  }
  return Buffer.concat(chunks)
}

function failed(
  code: 'REGISTRY_UNREACHABLE' | 'DOWNLOAD_FAILED',
  url: URL,
  reason: string,
  cause: unknown,
): PluginError {
  const address = printable(url.href, 400)
  const status = /^answered (\d{3})/.exec(reason)?.[1]
  const hint =
    status === '401' || status === '403'
      ? 'a registry that asks who you are needs a "tokenFile" in config.json'
      : 'try again; plugins registry list shows the address'
  return code === 'DOWNLOAD_FAILED'
    ? new FetchError(code, `cannot fetch ${address}: the server ${reason}`, { cause, hint })
    : new RegistryError(code, `cannot read ${address}: the server ${reason}`, { cause, hint })
}
