// A whole Sigstore on loopback: real keys, certificates, logs and times, made anew at each start and known to nobody else.

import { CtLog } from './ct-log.ts'
import { Fulcio } from './fulcio.ts'
import { Issuer } from './issuer.ts'
import type { LogKey } from './log.ts'
import { type Routes, type Service, serve } from './loopback.ts'
import type { Misbehaviour, ServiceName } from './misbehaviour.ts'
import { Rekor1 } from './rekor1.ts'
import { Rekor2 } from './rekor2.ts'
import { TimestampAuthority } from './timestamp-authority.ts'
import { signingConfigOf, trustedRootOf, type Urls } from './trusted-root.ts'

export interface SigstoreOptions {
  readonly misbehave?: Misbehaviour
  /** The clock of all services. */
  readonly now?: () => Date
  /** What Rekor v2 signs its checkpoints with. */
  readonly rekor2Key?: LogKey
}

const DAY = 24 * 60 * 60_000

export class Sigstore {
  readonly issuer: Issuer
  readonly fulcio: Fulcio
  readonly timestampAuthority: TimestampAuthority
  readonly #ctLog = new CtLog()
  readonly #rekor1: Rekor1
  readonly #rekor2: Rekor2
  readonly #since: Date
  #services: Readonly<Record<ServiceName, Service>> | undefined
  /** May be changed while it runs. */
  misbehave: Misbehaviour

  constructor({ misbehave = {}, now = () => new Date(), rekor2Key = 'ed25519' }: SigstoreOptions = {}) {
    this.misbehave = misbehave
    this.#since = new Date(now().getTime() - DAY)
    this.issuer = new Issuer(now)
    this.fulcio = new Fulcio(this.#ctLog, now)
    this.#rekor1 = new Rekor1(now)
    this.#rekor2 = new Rekor2(rekor2Key)
    this.timestampAuthority = new TimestampAuthority(now)
  }

  async start(): Promise<this> {
    const amiss = () => this.misbehave
    const open = (name: ServiceName, routes: (url: string) => Routes) =>
      serve(routes, () => this.misbehave.answers?.[name])
    const [issuer, fulcio, rekor1, rekor2, timestamp] = await Promise.all([
      open('issuer', (url) => this.issuer.routes(url)),
      open('fulcio', () => this.fulcio.routes(() => [this.issuer.url], amiss)),
      open('rekor1', (url) => this.#rekor1.routes(url, amiss)),
      open('rekor2', (url) => this.#rekor2.routes(url, amiss)),
      open('timestamp', () => this.timestampAuthority.routes(amiss)),
    ])
    this.#services = { issuer, fulcio, rekor1, rekor2, timestamp }
    return this
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#services ?? {}).map((service) => service.close()))
    this.#services = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get urls(): Urls {
    const { issuer, fulcio, rekor1, rekor2, timestamp } = this.#running
    return { issuer: issuer.url, fulcio: fulcio.url, rekor1: rekor1.url, rekor2: rekor2.url, timestamp: timestamp.url }
  }

  /** What a service was asked, as `METHOD /path`. */
  requests(name: ServiceName): readonly string[] {
    return this.#running[name].requests
  }

  /** `trusted_root.json`, as an object to change before it is written down. */
  get trustedRoot() {
    const { urls } = this
    return trustedRootOf({
      ctLogKey: this.#ctLog.key,
      logs: [
        { url: urls.rekor1, log: this.#rekor1.log },
        { url: urls.rekor2, log: this.#rekor2.log },
      ],
      fulcio: { url: urls.fulcio, chain: this.fulcio.chain },
      timestamp: { url: `${urls.timestamp}/api/v1/timestamp`, chain: this.timestampAuthority.chain },
      since: this.#since,
    })
  }

  get trustedRootBytes(): Buffer {
    return Buffer.from(`${JSON.stringify(this.trustedRoot, null, 2)}\n`)
  }

  get signingConfig() {
    return signingConfigOf(this.urls, this.#since)
  }

  get #running() {
    if (this.#services === undefined) throw new Error('the local Sigstore does not run')
    return this.#services
  }
}

/** Runs until `close()`, or to the end of an `await using` block. */
export const startSigstore = (options: SigstoreOptions = {}): Promise<Sigstore> => new Sigstore(options).start()
