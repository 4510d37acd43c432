#!/usr/bin/env node
// The command `plugins`. Plain JavaScript that any Node can read, and nothing is loaded before the version is known:
// the database driver crashes on an older Node instead of saying so. CommonJS, since a run is one script and needs no more.
const { join } = require('node:path')

const [major, minor] = process.versions.node.split('.').map(Number)
const supported = (major === 22 && minor >= 22) || (major === 24 && minor >= 15) || major >= 26

if (supported) {
  start(process.argv.slice(2))
} else {
  process.stderr.write(
    `plugins: cannot run on Node ${process.versions.node}: it needs Node 22.22, 24.15 or 26 and newer (in a checkout of the source, node_modules/.bin/node is one)\n`,
  )
  process.exitCode = 1
}

async function start(args) {
  const dist = join(__dirname, '../../dist')
  // Beside the code, made by who built or installed it. A folder that somebody else can write would be code of theirs.
  const cache = `${dist}/cache`
  if (args.includes('run')) {
    const { runMain } = require('./kept-script.cjs').load(`${dist}/js/run.cjs`, cache)
    if (await runMain(args)) return
  }
  require('node:module').enableCompileCache(cache)
  const { main } = await import('../../dist/js/cli.js')
  await main(args)
}
