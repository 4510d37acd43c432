// node plugins/build.mjs DIR OUT: makes OUT, a clean folder that `plugins pack` takes, from the plugin's source in DIR.
// A plugin that needs more than a copy of its files has a `build.mjs` of its own, which exports `build(out)`.
import { cpSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const NOT_PACKED = new Set(['build.mjs', '.cache', '.npmrc'])

export async function buildPlugin(from, to) {
  const source = resolve(from)
  const out = resolve(to)
  if (!existsSync(join(source, 'plugin.json'))) throw new Error(`cannot build ${from}: it has no plugin.json`)
  if (out === source || out.startsWith(`${source}/`))
    throw new Error(`cannot build into ${to}: it is part of the source`)
  // The old build is replaced whole, so a folder that is no build must not be what OUT names by mistake.
  if (existsSync(out) && !existsSync(join(out, 'plugin.json')))
    throw new Error(`cannot build into ${to}: it exists and holds no plugin`)

  const fresh = join(dirname(out), `.${basename(out)}.${process.pid}`)
  mkdirSync(fresh, { recursive: true })
  try {
    const script = join(source, 'build.mjs')
    if (existsSync(script)) await (await import(pathToFileURL(script).href)).build(fresh)
    else copyPlugin(source, fresh)
    rmSync(out, { recursive: true, force: true })
    renameSync(fresh, out)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function copyPlugin(source, out) {
  cpSync(source, out, { recursive: true, filter: (path) => path === source || !NOT_PACKED.has(basename(path)) })
}

if (process.argv[1] && import.meta.filename === realpathSync(process.argv[1])) {
  const [from, to, ...rest] = process.argv.slice(2)
  if (!from || !to || rest.length > 0) {
    process.stderr.write('usage: node plugins/build.mjs DIR OUT\n')
    process.exit(2)
  }
  try {
    await buildPlugin(from, to)
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
