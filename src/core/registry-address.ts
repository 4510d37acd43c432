import { normalize } from 'node:path'
import { NAME_SEGMENT } from './name.ts'

/** Where a registry is: a folder of this host, or a web server. */
export type RegistryAddress =
  | { readonly kind: 'folder'; readonly path: string }
  /** `url` ends with a slash, so that relative paths are below it. */
  | { readonly kind: 'http'; readonly url: string }

export type AddressReading =
  | { readonly ok: true; readonly address: RegistryAddress }
  | { readonly ok: false; readonly fault: string }

/** What an operator calls a registry. No address looks like one: those begin with `/`, or have a colon. */
export const REGISTRY_NAME = new RegExp(`^${NAME_SEGMENT}$`)

export const ADDRESS_MAX = 1024

/**
 * An address as an operator writes it: an absolute path, file:///PATH, or https://HOST/PATH. Plain http is for this machine
 * alone, unless `insecure` says otherwise: who stands in between could hide every new release.
 */
export function readAddress(text: string, insecure: boolean = false): AddressReading {
  if (text.length > ADDRESS_MAX) return fault(`expected at most ${ADDRESS_MAX} characters`)
  if (text.startsWith('/')) return folder(text)
  // The letters of other scripts can look like ours, and a parser of addresses drops blanks and controls.
  if (!/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text))
    return fault('expected /PATH, file:///PATH or https://HOST/PATH')
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return fault('may hold no password: use tokenFile')
  if (url.search !== '' || url.hash !== '') return fault('may hold nothing behind its path')
  if (url.protocol === 'file:') return url.host === '' ? folder(decoded(url.pathname)) : fault('names another host')
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return fault('expected /PATH, file:///PATH or https://HOST/PATH')
  if (!isSecure(url) && !insecure) return fault('http:// is for this machine alone, unless it is marked "insecure"')
  return { ok: true, address: { kind: 'http', url: url.href.endsWith('/') ? url.href : `${url.href}/` } }
}

/** Nobody else can read along, or write. */
const isSecure = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || (protocol === 'http:' && /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/.test(hostname))

function folder(path: string): AddressReading {
  if (!/^\/[^\u0000-\u001f\u007f]*$/.test(path)) return fault('expected an absolute path without control characters')
  return { ok: true, address: { kind: 'folder', path: normalize(path) } }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return '' // half an escape, which is no path
  }
}

const fault = (reason: string): AddressReading => ({ ok: false, fault: reason })
