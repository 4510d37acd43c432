// Speaks with plugins of HashiCorp's go-plugin protocol: reads their handshake, reaches their socket, calls their services.
// Refuses an address outside of the plugin's own /tmp, and a plugin that cannot prove who it is when that was asked for.
// Called by `src/grpc.ts` alone; the library of gRPC is loaded when the first plugin is.

export type { AcceptedServer, Broker, DialledServer } from './broker.ts'
export { makeCertificate, type OwnCertificate } from './certificate.ts'
export type { ClientClass } from './connection.ts'
export { GoPlugin, type ReattachConfig, type WatchOptions } from './go-plugin.ts'
export { loadGrpc } from './grpc-library.ts'
export type { PluginLogEntry, PluginLogLevel } from './log-lines.ts'
export type { OutputStream } from './output-stream.ts'
export { reopenGoPlugin } from './reopening.ts'
export type { Health } from './services.ts'
export { startGoPlugin } from './starting.ts'
export type { PluginStdio } from './stdio-stream.ts'
