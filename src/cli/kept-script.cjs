// A CommonJS script, and what V8 has compiled of it, kept from one process to the next. Node's own compile cache keeps what is
// compiled before the first line runs, which is next to nothing of a bundle: every function was compiled anew by every run.
const { hash } = require('node:crypto')
const fs = require('node:fs')
const { dirname, join } = require('node:path')
const { Script } = require('node:vm')

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = fs.constants

/** A digest of 32 bytes, the number of processes that have added to it, and nothing: V8 copies what is not aligned. */
const HEADER_BYTES = 40
/** The second run is the first that finds the report of another, and compiles what takes it up. */
const ENOUGH = 2

/**
 * Runs the script at `path`, built as one function of a module's five parameters, and gives its exports. What was compiled is
 * kept in `folder` when this process hands itself over: that is where it has run the whole way.
 */
function load(path, folder) {
  const { bytes: source, uid } = readWhole(path, O_RDONLY)
  const file = join(folder, `run-${process.version}-${process.arch}.code`)
  const kept = keptIn(file, source, uid)
  // ASCII, which the build sees to.
  const script = new Script(source.latin1Slice(), { filename: path, cachedData: kept?.code })
  const runs = kept === null || script.cachedDataRejected ? 0 : kept.runs
  // Whoever owns the script may say what it comes to; in a folder of somebody else's, nothing is written.
  if (runs < ENOUGH && uid === process.geteuid()) {
    const { execve } = process
    process.execve = (...call) => {
      keep(file, source, script.createCachedData(), runs + 1)
      return execve.apply(process, call)
    }
  }
  const module = { exports: {} }
  script.runInThisContext()(module.exports, onceEach, module, path, dirname(path))
  return module.exports
}

const known = new Map()

/**
 * Two hundred modules in one ask for the same few, and Node's loader takes a millisecond to answer them all; as it does to
 * find a file whose whole path it is given. Packages are found from here as from the script, which lies in the same package.
 */
function onceEach(id) {
  if (!known.has(id)) known.set(id, id.endsWith('.node') ? addonAt(id) : require(id))
  return known.get(id)
}

function addonAt(path) {
  const module = { exports: {} }
  process.dlopen(module, path)
  return module.exports
}

/**
 * `null`: there is none, or it is not to be used. V8 looks at the length of a source alone, and runs what is damaged until it
 * crashes: hence the digest of both. It is code, so nobody may have written it who could not have written the script.
 */
function keptIn(file, source, owner) {
  try {
    const { bytes, uid, mode } = readWhole(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    if ((uid !== owner && uid !== 0) || (mode & 0o022) !== 0) return null
    const code = bytes.subarray(HEADER_BYTES)
    return bytes.subarray(0, 32).equals(digestOf(source, code)) ? { code, runs: bytes[32] } : null
  } catch {
    return null
  }
}

/** A cache that cannot be written is no failure. */
function keep(file, source, code, runs) {
  const header = Buffer.alloc(HEADER_BYTES)
  digestOf(source, code).copy(header)
  header[32] = runs
  const fresh = `${file}.${process.pid}`
  try {
    fs.mkdirSync(dirname(file), { recursive: true })
    fs.writeFileSync(fresh, Buffer.concat([header, code]), { flag: 'wx', mode: 0o644 })
    fs.renameSync(fresh, file)
  } catch {
    fs.rmSync(fresh, { force: true })
  }
}

const digestOf = (source, code) =>
  hash('sha256', Buffer.concat([hash('sha256', source, 'buffer'), hash('sha256', code, 'buffer')]), 'buffer')

function readWhole(path, flags) {
  const fd = fs.openSync(path, flags)
  try {
    const { uid, mode, size } = fs.fstatSync(fd)
    const bytes = Buffer.allocUnsafeSlow(size)
    if (fs.readSync(fd, bytes, 0, size, 0) !== size) throw new Error(`cannot read ${path}`)
    return { bytes, uid, mode }
  } finally {
    fs.closeSync(fd)
  }
}

module.exports = { load }
