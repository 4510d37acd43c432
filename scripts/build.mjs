// Builds all of it into dist/: the launcher (C), the library and the command line (bundled, so that a command starts
// fast), the type declarations, and the published manifest schema.
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { warm } from './warm.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'dist')

/** Whose methods import what they need. */
const OTHER_VERBS = new Set([
  'src/manager.ts',
  'src/manager/records.ts',
  'src/manager/trust.ts',
  'src/manager/registries.ts',
])

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) throw new Error(`cannot run ${command}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

mkdirSync(dist, { recursive: true })
run('make', ['--no-print-directory', '-s', '-C', 'src/runtime/launcher'])

for (const part of ['js', 'types', 'cache']) rmSync(join(dist, part), { recursive: true, force: true })
const bundle = {
  absWorkingDir: root,
  outdir: 'dist/js',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.15',
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'linked',
  // What every command needs is bundled (zod, commander); what only some need stays a package, loaded when needed.
  external: ['@grpc/grpc-js', 'better-sqlite3', 'semver', 'tar', 'tweetnacl', 'sigstore', '@sigstore/*'],
  logLevel: 'warning',
}
const entryPoints = { index: 'src/index.ts', grpc: 'src/grpc.ts', mcp: 'src/mcp.ts', cli: 'src/cli/main.ts' }
await build({ ...bundle, entryPoints, splitting: true })
// What an author takes along: one file each, of Node and of Python.
await build({ ...bundle, entryPoints: { plugin: 'src/kit/plugin.ts' } })
mkdirSync(join(dist, 'python'), { recursive: true })
copyFileSync(join(root, 'src', 'kit', 'bulkhead_plugin.py'), join(dist, 'python', 'bulkhead_plugin.py'))
/**
 * A run asks the manager for `execute` and `plan` alone, which load nothing late: what its other methods import when they are
 * called is not in this file, and would be missed with an error.
 */
const withoutOtherVerbs = {
  name: 'without-other-verbs',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, importer, path }) =>
      kind === 'dynamic-import' && OTHER_VERBS.has(relative(root, importer)) ? { path, external: true } : undefined,
    )
  },
}
// One file for the hot path; what a run never loads stays a package or is found beside it.
await build({
  ...bundle,
  entryPoints: { run: 'src/cli/run-main.ts' },
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  // One function, which src/cli/kept-script.cjs calls; so `import()` of a package has to be `require` of it.
  banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
  footer: { js: '})' },
  supported: { 'dynamic-import': false },
  define: { 'import.meta.dirname': '__dirname' },
  external: bundle.external.filter((name) => name !== 'better-sqlite3'),
  minify: true,
  plugins: [withoutOtherVerbs],
})
if (/[^\0-\x7f]/.test(readFileSync(join(dist, 'js/run.cjs'), 'latin1')))
  throw new Error('cannot go on: dist/js/run.cjs is not ASCII, which src/cli/kept-script.cjs takes it for')
run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.types.json'])

const { openMarketplace } = await import(join(dist, 'js', 'index.js'))
const schema = await (await openMarketplace()).schema()
writeFileSync(join(dist, 'plugin-1.schema.json'), `${JSON.stringify(schema, null, 2)}\n`)

// From the sources, since nothing that is published makes them.
const { manPages } = await import('../src/cli/manual/man-pages.ts')
rmSync(join(dist, 'man'), { recursive: true, force: true })
mkdirSync(join(dist, 'man'))
for (const [file, page] of await manPages()) writeFileSync(join(dist, 'man', file), page)

// The workspace's own `plugins`, for people who work in a checkout: node_modules/.bin is on the PATH of npm scripts.
const link = join(root, 'node_modules', '.bin', 'plugins')
rmSync(link, { force: true })
symlinkSync('../../src/cli/bin.cjs', link)
chmodSync(join(root, 'src', 'cli', 'bin.cjs'), 0o755)

warm(root)
