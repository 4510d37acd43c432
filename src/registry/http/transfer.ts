import type { IncomingMessage } from 'node:http'
import { PluginError } from '../../core/errors.ts'
import type { ExpectedFile } from '../files.ts'
import { otherBytes, otherSize } from '../mismatch.ts'
import type { PartFile } from './downloads.ts'
import { Draft } from './draft.ts'
import { assertAnswer, setbackOf, type WebServer } from './exchange.ts'
import { Setback } from './patience.ts'

/** RFC 9110, 8.8.3: only a strong one says that two answers are of the same bytes. */
const STRONG_ETAG = /^"[\x21\x23-\x7e]{0,200}"$/

/**
 * One file, by as many answers as it takes. A broken transfer goes on where it ended, if the server can do that and the file is
 * still the same one; else it begins anew.
 */
export class Transfer {
  readonly #server: WebServer
  readonly #url: URL
  readonly #expected: ExpectedFile
  readonly #part: PartFile | null
  readonly #onBytes: (done: number) => void
  readonly #draft: Draft
  #etag: string | null = null
  #mayResume = true

  constructor(
    server: WebServer,
    url: URL,
    expected: ExpectedFile,
    { part, onBytes }: { part: PartFile | null; onBytes: (done: number) => void },
  ) {
    this.#server = server
    this.#url = url
    this.#expected = expected
    this.#part = part
    this.#onBytes = onBytes
    this.#draft = new Draft(expected.bytes)
  }

  get best(): number {
    return this.#draft.best
  }

  /** Takes over what an earlier command left. */
  async begin(): Promise<void> {
    if (this.#part === null) return
    const kept = await this.#part.kept()
    this.#draft.append(kept)
    this.#draft.isPatched = kept.length > 0
  }

  /**
   * One answer more. `null`: the file is not there.
   * @throws Setback; RegistryError `REGISTRY_MISMATCH`
   */
  async attempt(signal: AbortSignal): Promise<Buffer | null> {
    if (this.#draft.length < this.#expected.bytes && !(await this.#receive(signal))) return null
    const digest = this.#draft.digest()
    if (digest === this.#expected.sha256) return this.#draft.bytes
    // What was put together of several answers need not be what the server has: it gets one chance to send it whole.
    if (!this.#draft.isPatched) throw otherBytes(this.#url.href, this.#expected.sha256, digest)
    await this.#startAnew()
    throw new Setback('sent parts of different files', true)
  }

  async #receive(signal: AbortSignal): Promise<boolean> {
    const from = this.#mayResume ? this.#draft.length : 0
    const answer = await this.#server.ask(this.#url, { headers: this.#conditions(from), signal })
    try {
      if (answer.statusCode === 404 || answer.statusCode === 410) return false
      await this.#assertContinues(answer, from)
      await this.#assertLength(answer)
      await this.#readInto(answer)
      return true
    } finally {
      answer.destroy()
    }
  }

  #conditions(from: number): Record<string, string> {
    if (from === 0) return {}
    return { range: `bytes=${from}-`, ...(this.#etag === null ? {} : { 'if-range': this.#etag }) }
  }

  /** A part of the file is taken when it is exactly the part that was asked for, of the same file. */
  async #assertContinues(answer: IncomingMessage, from: number): Promise<void> {
    const { statusCode, headers } = answer
    if (statusCode === 416 && from > 0) {
      await this.#startAnew()
      throw new Setback('has no such part of the file', true)
    }
    assertAnswer(answer, from > 0 ? [200, 206] : [200])
    const etag = STRONG_ETAG.test(headers.etag ?? '') ? (headers.etag as string) : null
    if (statusCode === 200) {
      if (this.#draft.length > 0) await this.#restart()
      this.#etag = etag
      return
    }
    const { bytes } = this.#expected
    const isOtherFile = this.#etag !== null && etag !== this.#etag
    if (isOtherFile || headers['content-range'] !== `bytes ${from}-${bytes - 1}/${bytes}`) {
      await this.#startAnew()
      throw new Setback(isOtherFile ? 'has another file now' : 'sent another part than was asked for', true)
    }
    this.#etag = etag
    this.#draft.isPatched = true
  }

  async #assertLength({ headers }: IncomingMessage): Promise<void> {
    const said = headers['content-length']
    const { bytes } = this.#expected
    if (said === undefined || Number(said) === bytes - this.#draft.length) return
    throw otherSize(this.#url.href, bytes, `${this.#draft.length + Number(said)}`)
  }

  async #readInto(answer: IncomingMessage): Promise<void> {
    const { bytes } = this.#expected
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        if (!this.#draft.append(chunk)) throw otherSize(this.#url.href, bytes, 'more')
        await this.#part?.append(chunk)
        this.#onBytes(this.#draft.length)
      }
    } catch (error) {
      throw error instanceof PluginError ? error : setbackOf(error)
    }
    // A body without a length ends with its connection, whatever ended that.
    if (this.#draft.length < bytes) throw new Setback(`sent ${this.#draft.length} of ${bytes} bytes`, true)
  }

  /** From the first byte, and never again from the middle. */
  async #startAnew(): Promise<void> {
    this.#mayResume = false
    await this.#restart()
  }

  async #restart(): Promise<void> {
    this.#draft.restart()
    this.#etag = null
    await this.#part?.restart()
  }
}
