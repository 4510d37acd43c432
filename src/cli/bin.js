#!/usr/bin/env node
// The command `plugins`. Plain JavaScript that any Node can read, and nothing is loaded before the version is known:
// the database driver crashes on an older Node instead of saying so.
const [major, minor] = process.versions.node.split('.').map(Number)
const supported = (major === 22 && minor >= 22) || (major === 24 && minor >= 15) || major >= 26

if (!supported) {
  process.stderr.write(
    `plugins: cannot run on Node ${process.versions.node}: it needs Node 22.22, 24.15 or 26 and newer (in a checkout of the source, node_modules/.bin/node is one)\n`,
  )
  process.exitCode = 1
} else {
  const args = process.argv.slice(2)
  // A run is one CommonJS file: importing a built-in module as ESM evaluates all of its lazy parts first.
  const { createRequire, enableCompileCache } = process.getBuiltinModule('node:module')
  // Beside the code, made by who built or installed it. A folder that somebody else can write would be code of theirs.
  enableCompileCache(`${import.meta.dirname}/../../dist/cache`)
  const { runMain } = args.includes('run') ? createRequire(import.meta.url)('../../dist/js/run.cjs') : {}
  const isRun = runMain !== undefined && (await runMain(args))
  if (!isRun) await (await import('../../dist/js/cli.js')).main(args)
}
