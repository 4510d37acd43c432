import type { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js'
import { type OwnCertificate, pemOf } from './certificate.ts'
import type { GrpcLibrary } from './grpc-library.ts'

/** Who both sides of every connection with one plugin have to be. */
export interface Identity {
  /** For connections of ours. */
  readonly dialling: ChannelCredentials
  /** For connections of the plugin's. */
  readonly serving: ServerCredentials
}

/** Connections in the clear: nobody but this process and the plugin sees them. */
export function plainIdentity(grpc: GrpcLibrary): Identity {
  return { dialling: grpc.credentials.createInsecure(), serving: grpc.ServerCredentials.createInsecure() }
}

/** TLS 1.2 and newer with one certificate on each side, and no other: not even one that the announced one has signed. */
export function mutualIdentity(grpc: GrpcLibrary, own: OwnCertificate, theirs: Buffer): Identity {
  const root = pemOf(theirs)
  return {
    dialling: grpc.credentials.createSsl(root, own.key, own.certificate, {
      checkServerIdentity: (_host, shown) =>
        shown.raw.equals(theirs) ? undefined : new Error('the plugin shows another certificate than it announced'),
    }),
    serving: grpc.ServerCredentials.createSsl(root, [{ private_key: own.key, cert_chain: own.certificate }], true),
  }
}
