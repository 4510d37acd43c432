import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifest } from '../../../src/core/manifest-parser.ts'

const manifest = (permissions: object) =>
  Buffer.from(
    JSON.stringify({
      name: 'acme/hello',
      version: '1.0.0',
      entry: { runtime: 'node', path: 'main.js' },
      permissions,
    }),
  )

// Set by the operator for other programs, they would make this one load code or write secrets.
const REFUSED = [
  'BASH_ENV',
  'ENV',
  'GCONV_PATH',
  'GLIBC_TUNABLES',
  'IFS',
  'LD_PRELOAD',
  'LOCPATH',
  'NODE_COMPILE_CACHE',
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_REPL_EXTERNAL_MODULE',
  'NODE_V8_COVERAGE',
  'OPENSSL_CONF',
  'OPENSSL_ENGINES',
  'OPENSSL_MODULES',
  'PERL5LIB',
  'PERL5OPT',
  'PYTHONPATH',
  'PYTHONSTARTUP',
  'RUBYLIB',
  'RUBYOPT',
  'SSLKEYLOGFILE',
]

for (const name of REFUSED) {
  test(`permissions.env cannot name ${name}`, () => {
    assert.throws(() => parseManifest(manifest({ env: [name] })), { code: 'MANIFEST_INVALID' })
  })
}

test('names of settings and secrets can be', () => {
  const env = ['API_TOKEN', 'NODE_ENV', 'NODE_EXTRA_CA_CERTS', 'ENVIRONMENT', 'OPENAI_API_KEY', 'RUBY', 'MY_LD_PATH']
  assert.deepEqual(parseManifest(manifest({ env })).permissions.env, env)
})
