// The service of go-plugin's own tests (`grpctest`), as a host that knows it would have it generated.

import { makeClientConstructor, type ServiceDefinition } from '@grpc/grpc-js'
import { bytesField, bytesOf, numberField, numberOf, readFields } from '../../src/runtime/go-plugin/wire.ts'

const number = (field: number) => ({
  encode: (value: number): Buffer => numberField(field, value),
  decode: (message: Buffer): number => numberOf(readFields(message), field),
})
const text = {
  encode: (value: string): Buffer => bytesField(1, value),
  decode: (message: Buffer): string => bytesOf(readFields(message), 1).toString(),
}
const nothing = { encode: (): Buffer => Buffer.alloc(0), decode: (): object => ({}) }
const command = {
  encode: ({ key, value = 0 }: Command): Buffer => Buffer.concat([bytesField(1, key), numberField(3, value)]),
  decode: (): never => {
    throw new Error('only a plugin reads commands')
  },
}

/** What the plugins of these tests are told to do. */
export interface Command {
  readonly key: string
  readonly value?: number
}

interface Codec<T> {
  encode(value: T): Buffer
  decode(message: Buffer): T
}

const method = <In, Out>(path: string, request: Codec<In>, response: Codec<Out>, streams = false) => ({
  path,
  requestStream: streams,
  responseStream: streams,
  requestSerialize: request.encode,
  requestDeserialize: request.decode,
  responseSerialize: response.encode,
  responseDeserialize: response.decode,
})

export const PING_PONG = { Ping: method('/grpctest.PingPong/Ping', nothing, text) } satisfies ServiceDefinition

export const TestClient = makeClientConstructor(
  {
    Double: method('/grpctest.Test/Double', number(1), number(2)),
    PrintKV: method('/grpctest.Test/PrintKV', command as Codec<Command>, nothing),
    Bidirectional: method('/grpctest.Test/Bidirectional', number(1), number(1)),
    Stream: method('/grpctest.Test/Stream', number(1), number(2), true),
  },
  'Test',
)
export const PingPongClient = makeClientConstructor(PING_PONG, 'PingPong')
