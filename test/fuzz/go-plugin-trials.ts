// What a sandboxed plugin says to the host that speaks go-plugin with it: its first line, and messages of gRPC.
import { X509Certificate } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { CallError } from '../../src/core/errors.ts'
import { parseHandshake } from '../../src/runtime/go-plugin/handshake.ts'
import { HEALTH, HEALTH_CHECK, START_STREAM, STREAM_STDIO } from '../../src/runtime/go-plugin/services.ts'
import { must, type Trial } from './target.ts'

export const HANDSHAKE_WORDS = [
  '|',
  '1',
  '3',
  'unix',
  'tcp',
  'grpc',
  'netrpc',
  'true',
  'false',
  '/tmp/x',
  '\n',
  '=',
] as const
export const MESSAGE_WORDS = ['\x08', '\x0a', '\x12', '\x1a', '\x22', '\x7f', 'unix', '/tmp/x'] as const

const VERSIONS = [1, 3]

export async function handshakeTrial(): Promise<Trial> {
  return {
    attempt: (input) => {
      const line = input.toString('utf8')
      const autoMtls = (line.split('|')[5] ?? '').length > 50
      const said = parseHandshake(line, { name: 'acme/kv', protocolVersions: VERSIONS, autoMtls })
      must(VERSIONS.includes(said.protocolVersion), 'a version that was not offered')
      must(line.includes(said.address), 'an address that was not said')
      must((said.certificate !== null) === autoMtls, 'a certificate that was not asked for, or none that was')
      if (said.certificate !== null)
        must(new X509Certificate(said.certificate).raw.equals(said.certificate), 'bytes beside a certificate')
      return said
    },
  }
}

export async function messageTrial(): Promise<Trial> {
  return {
    attempt: (input) => {
      const [info, output, health] = read(input)
      must(
        isDeepStrictEqual(START_STREAM.decode(START_STREAM.encode(info)), info),
        'written anew it says something else',
      )
      must(output.data.length <= input.length, 'more bytes than came')
      must(HEALTH.includes(health), 'a health of no name')
      return { info, output, health }
    },
  }
}

/** As the library of gRPC does with what cannot be read: the call fails. */
function read(input: Buffer) {
  try {
    return [START_STREAM.decode(input), STREAM_STDIO.decode(input), HEALTH_CHECK.decode(input)] as const
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new CallError('CALL_FAILED', `cannot read a message: ${error.message}`, { cause: error })
  }
}
