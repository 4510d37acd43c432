/**
 * DSSE v1.0.2, Pre-Authentication Encoding: the bytes that are signed. Lengths come first, so that no type and payload
 * can be read as another type and payload.
 */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType)
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload])
}
