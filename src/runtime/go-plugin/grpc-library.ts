/** `@grpc/grpc-js`, loaded only when a plugin is spoken with. */
export type GrpcLibrary = typeof import('@grpc/grpc-js')

export const loadGrpc = (): Promise<GrpcLibrary> => import('@grpc/grpc-js').then((loaded) => loaded.default ?? loaded)
