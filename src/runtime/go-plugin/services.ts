import { bytesField, bytesOf, numberField, numberOf, readFields, textOf } from './wire.ts'

/** A method of a gRPC service: its path, and the two sides of each message. */
export interface Method<Request, Response> {
  readonly path: string
  encode(request: Request): Buffer
  decode(message: Buffer): Response
}

/** grpc.health.v1: what a server says of itself, by its number there. */
export const HEALTH = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const
export type Health = (typeof HEALTH)[number]

/** A piece of what a plugin wrote to its own stdout or stderr after the handshake. */
export interface StdioData {
  readonly channel: 'stdout' | 'stderr' | null
  readonly data: Buffer
}

/** Where a further server of one side listens. */
export interface ConnInfo {
  readonly serviceId: number
  readonly network: string
  readonly address: string
}

const empty = (): Buffer => Buffer.alloc(0)
/** Not `null`: to the library that is no message at all. */
const nothing = (): object => ({})

const health = (path: string): Method<string, Health> => ({
  path,
  encode: (service) => bytesField(1, service),
  decode: (message) => HEALTH[numberOf(readFields(message), 1)] ?? 'UNKNOWN',
})

export const HEALTH_CHECK = health('/grpc.health.v1.Health/Check')
export const HEALTH_WATCH = health('/grpc.health.v1.Health/Watch')

export const SHUTDOWN: Method<null, object> = {
  path: '/plugin.GRPCController/Shutdown',
  encode: empty,
  decode: nothing,
}

const CHANNELS: readonly StdioData['channel'][] = [null, 'stdout', 'stderr']

export const STREAM_STDIO: Method<null, StdioData> = {
  path: '/plugin.GRPCStdio/StreamStdio',
  encode: empty,
  decode: (message) => {
    const fields = readFields(message)
    return { channel: CHANNELS[numberOf(fields, 1)] ?? null, data: bytesOf(fields, 2) }
  },
}

/** What is longer names no socket: it is cut, refused as it is, and kept no longer than that. */
const PLACE_MAX_BYTES = 256

export const START_STREAM: Method<ConnInfo, ConnInfo> = {
  path: '/plugin.GRPCBroker/StartStream',
  encode: ({ serviceId, network, address }) =>
    Buffer.concat([numberField(1, serviceId), bytesField(2, network), bytesField(3, address)]),
  decode: (message) => {
    const fields = readFields(message)
    return {
      serviceId: numberOf(fields, 1),
      network: textOf(fields, 2, PLACE_MAX_BYTES),
      address: textOf(fields, 3, PLACE_MAX_BYTES),
    }
  },
}
