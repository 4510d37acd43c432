import { UsageError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'

/** What go-plugin itself passes on; sockets lie where TMPDIR is, so nothing more is needed. */
const PROTOCOL: ReadonlySet<string> = new Set([
  'PLUGIN_PROTOCOL_VERSIONS',
  'PLUGIN_CLIENT_CERT',
  'PLUGIN_UNIX_SOCKET_DIR',
])
/** Set by us in every run. */
const BUILT_IN =
  /^(?:PATH|HOME|TMPDIR|LANG|PLUGIN_(?:NAME|VERSION|DATA|HOOK|FROM_VERSION|MULTIPLEX_GRPC|MIN_PORT|MAX_PORT|UNIX_.*))$/
/** They steer a loader, a runtime, a shell or a library before the plugin's own first line. */
const STEERING =
  /^(?:LC_|LD_|DYLD_|GLIBC_|MALLOC_|NODE_|NPM_|PYTHON|PERL|RUBY|GRPC_|SSL_|SSLKEYLOGFILE|OPENSSL_|GODEBUG|GOGC|GOMAXPROCS|GOMEMLIMIT|GOTRACEBACK|JAVA_|JDK_|_JAVA_|BASH|ENV$|IFS$|PS4$|SHELLOPTS|(?:HTTPS?|ALL|NO)_PROXY$)/i
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
/** A certificate is the longest of them. */
const VALUE_MAX_BYTES = 16 * 1024

/**
 * Variables of the go-plugin handshake, beside what every run has: the protocol's own and one cookie.
 *
 * @throws UsageError `WRONG_PROTOCOL`; `USAGE` for a name that means something to anybody else
 */
export function assertHandshake(
  { name, protocol }: Pick<Manifest, 'name' | 'protocol'>,
  handshake: Readonly<Record<string, string>>,
  granted: readonly string[],
): void {
  const refuse = (why: string) => new UsageError('USAGE', `cannot speak go-plugin with ${name}: ${why}`)
  if (protocol !== 'grpc')
    throw new UsageError('WRONG_PROTOCOL', `cannot speak go-plugin with ${name}: its manifest says ${protocol}`)
  const cookies = Object.keys(handshake).filter((key) => !PROTOCOL.has(key))
  if (cookies.length > 1) throw refuse(`one variable can be its cookie, found ${cookies.map(quoted).join(', ')}`)
  for (const key of cookies) {
    if (!NAME.test(key)) throw refuse(`${quoted(key)} is no name for a variable`)
    if (BUILT_IN.test(key) || STEERING.test(key)) throw refuse(`the variable ${key} means something else`)
    if (granted.includes(key)) throw refuse(`the variable ${key} is one that permissions.env names`)
  }
  for (const [key, value] of Object.entries(handshake)) {
    if (typeof value !== 'string') throw refuse(`the value of ${key} is no text`)
    if (value.includes('\0') || Buffer.byteLength(value) > VALUE_MAX_BYTES) {
      throw refuse(`the value of ${key} is longer than ${VALUE_MAX_BYTES} bytes, or has a NUL in it`)
    }
  }
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 80))
