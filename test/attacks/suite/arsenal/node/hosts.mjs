// Attacks on what belongs to the host: its files, its processes, its network.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { pathToFileURL } from 'node:url'

export async function read_file(path) {
  return readFileSync(path).length
}

export async function open_for_writing(path) {
  closeSync(openSync(path, 'r+'))
  return ''
}

export async function write_file(path) {
  writeFileSync(path, 'x', { flag: 'wx' })
  return ''
}

/** Code of the host's, in this process. */
export async function import_module(path) {
  return (await import(pathToFileURL(path).href)).default
}

/** An addon of its own writing: code that is mapped, not executed. */
export async function load_addon(folder) {
  const written = `${folder}/written-${process.pid}.node`
  const known = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .find((line) => /\/lib(stdc\+\+|m|c)\.so/.test(line))
  try {
    copyFileSync(known.split(/\s+/).at(-1), written)
    process.dlopen({ exports: {} }, written)
    return 'loaded'
  } catch (error) {
    // It was mapped, and is no addon: that is far enough.
    if (/did not self-register|undefined symbol|not.*register/i.test(error.message)) return 'mapped'
    throw new Error(/failed to map|not permitted/i.test(error.message) ? 'not mapped' : error.message)
  } finally {
    rmSync(written, { force: true })
  }
}

export async function start_shell(command) {
  const shell = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 'pipe', 'ignore'] })
  const [code] = await once(shell, 'close')
  return code === 0 ? 'a shell' : null
}

export async function see_device(name) {
  return readdirSync('/dev').includes(name) ? name : null
}

export async function use_device(path) {
  accessSync(path, constants.R_OK)
  return ''
}

export async function find_in_file(path, text) {
  return readFileSync(path, 'utf8').includes(text) ? '' : null
}

export async function see_processes() {
  const others = readdirSync('/proc').filter((name) => Number(name) > 0 && Number(name) !== process.pid)
  return others.length > 0 ? others.length : null
}

export async function signal_process(pid) {
  process.kill(Number(pid), 0)
  return ''
}

/** SIGUSR1 opens the inspector of another Node, and the inspector runs any code. */
export async function debug_process(pid) {
  process._debugProcess(Number(pid))
  return ''
}

export async function set_user_id() {
  writeFileSync('/tmp/suid-node', '')
  chmodSync('/tmp/suid-node', 0o4755)
  return ''
}

export async function become_root() {
  process.setuid(0)
  return process.getuid()
}

export async function write_descriptor(fd) {
  return writeSync(Number(fd), 'stolen')
}

export async function host_name(name) {
  return hostname() === name ? name : null
}

export async function outside_interface() {
  return Object.keys(networkInterfaces()).find((name) => name !== 'lo') ?? null
}

export async function fetch_page(url) {
  return (await fetch(url, { signal: AbortSignal.timeout(15_000) })).status
}

export async function connect_port(host, port) {
  const socket = connect({ host, port: Number(port), timeout: 3000 })
  await once(socket, 'connect')
  socket.destroy()
  return ''
}

export async function connect_path(path) {
  const socket = connect({ path })
  await once(socket, 'connect')
  socket.destroy()
  return ''
}

/** Listens where a client of the host's looks for its server, and takes what it sends. */
export async function pose_as_server(port) {
  const got = Promise.withResolvers()
  const server = createServer((socket) => socket.on('error', () => {}).on('data', (data) => got.resolve(`${data}`)))
  server.listen(Number(port), '127.0.0.1')
  await once(server, 'listening')
  setTimeout(() => got.resolve(null), 1000)
  const token = await got.promise
  server.close()
  return token
}

/** Somebody for others to attack. */
export async function stand() {
  console.log('up')
  for (;;) await new Promise((resolve) => setTimeout(resolve, 3_600_000))
}
