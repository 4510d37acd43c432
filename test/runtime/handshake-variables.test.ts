import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Manifest } from '../../src/core/manifest.ts'
import { buildEnvironment } from '../../src/runtime/environment.ts'
import { assertHandshake } from '../../src/runtime/handshake-variables.ts'
import { manifestOf } from './plan/house.ts'

const manifest = (rest: object = {}): Manifest =>
  manifestOf({ entry: { runtime: 'exec', path: 'bin/x' }, protocol: 'grpc', ...rest })

test('a handshake is the protocol’s own variables and one cookie', () => {
  const good = { TF_PLUGIN_MAGIC_COOKIE: 'x', PLUGIN_PROTOCOL_VERSIONS: '5,6', PLUGIN_CLIENT_CERT: 'one\ntwo\n' }
  assertHandshake(manifest(), good, [])
  assertHandshake(manifest(), { PLUGIN_COOKIE: 'x' }, [])
  assert.throws(() => assertHandshake(manifest(), { ...good, SECOND: 'x' }, []), { code: 'USAGE' })
  assert.throws(() => assertHandshake(manifest({ protocol: 'stdio' }), good, []), { code: 'WRONG_PROTOCOL' })
})

test('no cookie is a variable that means something else', () => {
  for (const name of [
    ...['PATH', 'HOME', 'TMPDIR', 'LANG', 'PLUGIN_NAME', 'PLUGIN_VERSION', 'PLUGIN_DATA', 'PLUGIN_HOOK'],
    ...['PLUGIN_MULTIPLEX_GRPC', 'PLUGIN_UNIX_SOCKET_GROUP', 'LD_PRELOAD', 'LD_AUDIT', 'GLIBC_TUNABLES', 'LC_ALL'],
    ...['NODE_OPTIONS', 'PYTHONPATH', 'PYTHONSTARTUP', 'GODEBUG', 'GRPC_VERBOSITY', 'SSL_CERT_FILE', 'OPENSSL_CONF'],
    ...['BASH_ENV', 'ENV', 'IFS', 'http_proxy', 'HTTPS_PROXY', 'JAVA_TOOL_OPTIONS', 'PERL5OPT', 'RUBYOPT'],
    ...['', 'A B', 'A=B', '1A', 'A\0B', 'Ä', 'a'.repeat(200)],
  ]) {
    assert.throws(() => assertHandshake(manifest(), { [name]: 'x' }, []), { code: 'USAGE' }, JSON.stringify(name))
  }
  assert.throws(() => assertHandshake(manifest(), { TOKEN: 'x' }, ['TOKEN']), { code: 'USAGE' })
  assert.throws(() => assertHandshake(manifest(), { COOKIE: 'a\0b' }, []), { code: 'USAGE' })
  assert.throws(() => assertHandshake(manifest(), { COOKIE: 'a'.repeat(20_000) }, []), { code: 'USAGE' })
})

test('what every run has stays as it is, whatever a handshake says', () => {
  const handshake = { COOKIE: 'x', PATH: '/tmp', TMPDIR: '/elsewhere', PLUGIN_NAME: 'other/name' }
  const environment = buildEnvironment(manifest(), 'package', { data: false, grants: {}, handshake })
  assert.equal(environment.COOKIE, 'x')
  assert.equal(environment.PATH, '/usr/bin:/bin')
  assert.equal(environment.TMPDIR, '/tmp')
  assert.equal(environment.PLUGIN_NAME, 'acme/tried')
})
