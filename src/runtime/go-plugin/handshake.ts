import { X509Certificate } from 'node:crypto'
import type { ErrorCode } from '../../core/error-codes.ts'
import { CallError } from '../../core/errors.ts'
import { printable } from '../../core/printable.ts'

/** What a plugin says in its first line: how to speak with it. */
export interface Handshake {
  /** Of those that were offered. */
  readonly protocolVersion: number
  /** As the plugin sees it: a path inside its sandbox, not yet looked at. */
  readonly address: string
  /** DER of the one certificate that it will show; `null` without mutual TLS. */
  readonly certificate: Buffer | null
}

export interface HandshakeTerms {
  /** The plugin's name, for messages. */
  readonly name: string
  readonly protocolVersions: readonly number[]
  /** Was a certificate of ours sent along? */
  readonly autoMtls: boolean
}

const CORE_VERSION = '1'
const FIELDS_MIN = 4
const FIELDS_MAX = 7
/** Shorter is no certificate; the protocol leaves the field empty, or has none. */
const CERTIFICATE_MIN = 50
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * `CORE|APP|NETWORK|ADDRESS|PROTOCOL|CERTIFICATE|MULTIPLEXED`, the first four of them needed.
 *
 * @throws CallError `GRPC_HANDSHAKE_INVALID`, `GRPC_VERSION_UNSUPPORTED`, `GRPC_PROTOCOL_UNSUPPORTED`, `GRPC_MTLS_REFUSED`
 */
export function parseHandshake(line: string, terms: HandshakeTerms): Handshake {
  const refuse = (code: ErrorCode, why: string, hint?: string) =>
    new CallError(code, `cannot start ${terms.name}: ${why}`, hint === undefined ? {} : { hint })
  const invalid = (why: string) => refuse('GRPC_HANDSHAKE_INVALID', `its handshake ${why}`)

  const fields = line.trim().split('|')
  const [core = '', app = '', network = '', address = '', protocol = 'netrpc', certificate = '', mux = ''] = fields
  if (fields.length < FIELDS_MIN) {
    throw refuse(
      'GRPC_HANDSHAKE_INVALID',
      `what it said first is no go-plugin handshake: "${printable(line, 200)}"`,
      'nothing may be written to stdout before plugin.Serve',
    )
  }
  if (fields.length > FIELDS_MAX) throw invalid(`has ${fields.length} fields, expected at most ${FIELDS_MAX}`)
  if (core !== CORE_VERSION) {
    const found = printable(core, 40)
    throw refuse('GRPC_VERSION_UNSUPPORTED', `its go-plugin protocol is "${found}", expected ${CORE_VERSION}`)
  }
  if (!/^(?:0|[1-9]\d{0,9})$/.test(app)) throw invalid(`has no number as its version: "${printable(app, 40)}"`)
  const protocolVersion = Number(app)
  if (!terms.protocolVersions.includes(protocolVersion)) {
    const offered = terms.protocolVersions.join(', ')
    throw refuse('GRPC_VERSION_UNSUPPORTED', `it speaks version ${app} of the protocol, offered was ${offered}`)
  }
  if (protocol !== 'grpc') {
    const why = protocol === 'netrpc' ? "it speaks netrpc, Go's own net/rpc" : `it speaks "${printable(protocol, 40)}"`
    throw refuse('GRPC_PROTOCOL_UNSUPPORTED', `${why}, expected grpc`, 'set GRPCServer in its plugin.ServeConfig')
  }
  if (network !== 'unix') {
    const why =
      network === 'tcp'
        ? 'it listens on TCP, in a network of its own that nobody else is in'
        : `it listens on "${printable(network, 40)}"`
    throw refuse('GRPC_PROTOCOL_UNSUPPORTED', `${why}; expected unix`)
  }
  if (mux !== '' && mux !== 'false') throw invalid('asks for a multiplexed broker, which was not offered')
  return { protocolVersion, address, certificate: certificateOf(certificate, terms) }
}

function certificateOf(field: string, { name, autoMtls }: HandshakeTerms): Buffer | null {
  const isThere = field.length > CERTIFICATE_MIN
  if (!autoMtls) {
    if (field === '') return null
    throw new CallError(
      'GRPC_HANDSHAKE_INVALID',
      `cannot start ${name}: its handshake has a certificate, which was not asked for`,
      { hint: 'load it with autoMtls: true' },
    )
  }
  // Going on without TLS would be what somebody in the middle wants.
  const refuse = (why: string, cause?: unknown) =>
    new CallError('GRPC_MTLS_REFUSED', `cannot start ${name}: ${why}`, {
      hint: 'its go-plugin library must know AutoMTLS; without autoMtls it is spoken with in the clear',
      ...(cause === undefined ? {} : { cause }),
    })
  if (!isThere) throw refuse('mutual TLS was asked for, and its handshake has no certificate')
  if (!BASE64.test(field)) throw refuse('the certificate in its handshake is no base64')
  const der = Buffer.from(field, 'base64')
  try {
    const { raw } = new X509Certificate(der)
    if (raw.equals(der)) return der
  } catch (error) {
    throw refuse('the certificate in its handshake cannot be read', error)
  }
  throw refuse('the certificate in its handshake is followed by something else')
}
