// No network but its own loopback; no local sockets either.

import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { needsRoot, scratch } from '../../runtime/launcher/launch.ts'
import { account, attack, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot

function listen(server: Server, where: string | number): Promise<void> {
  return new Promise((done) =>
    typeof where === 'number' ? server.listen(where, '127.0.0.1', done) : server.listen(where, done),
  )
}

test('a server on the host’s loopback cannot be reached', { skip }, async () => {
  const server = createServer((socket) => socket.on('error', () => {}).end())
  await listen(server, 0)
  try {
    const { port } = server.address() as { port: number }
    await holdsOnlyWith(['net-namespace'], ['connect_tcp', '127.0.0.1', String(port)], /^no ECONNREFUSED$/, /^yes$/)
  } finally {
    server.close()
  }
})

test('there is no way out', { skip }, async () => {
  assert.equal(account(await attack(['connect_tcp', '192.0.2.1', '80'])), 'no ENETUNREACH')
})

test('a program can talk to itself', { skip }, async () => {
  assert.equal(account(await attack(['self_talk'])), 'yes')
  assert.equal(account(await attack(['pair'])), 'yes')
})

test('a socket in a bound folder cannot be connected to', { skip }, async () => {
  const folder = scratch()
  const server = createServer((socket) => socket.on('error', () => {}).end())
  await listen(server, join(folder, 's'))
  chmodSync(join(folder, 's'), 0o777)
  try {
    const add = [['bind', `${folder}\t/usr`]] as const
    await holdsOnlyWith(['seccomp'], ['connect_unix', '/usr/s'], /^no EAFNOSUPPORT$/, /^yes$/, { add })
    // unix-sockets=1 is for grpc plugins; it opens the same door, so no folder with sockets may be bound then.
    assert.equal(account(await attack(['connect_unix', '/usr/s'], { add, set: { 'unix-sockets': 1 } })), 'yes')
  } finally {
    server.close()
  }
})

test('an abstract socket of the host cannot be reached, by any of three layers', { skip }, async () => {
  const name = `bulkhead-test-${process.pid}`
  const server = createServer((socket) => socket.on('error', () => {}).end())
  await listen(server, `\0${name}`)
  try {
    const args = ['connect_unix', `@${name}`]
    await holdsOnlyWith(['seccomp', 'net-namespace', 'landlock'], args, /^no EAFNOSUPPORT$/, /^yes$/)
    assert.equal(account(await attack(args, { weaker: ['seccomp'] })), 'no ECONNREFUSED', 'net namespace')
    const scoped = await attack(args, { weaker: ['seccomp', 'net-namespace'] })
    if ((scoped.started?.landlockAbi ?? 0) >= 6) assert.equal(account(scoped), 'no EPERM', 'Landlock scope')
  } finally {
    server.close()
  }
})

const sockets: readonly (readonly [title: string, domain: number, type: number, protocol: number, filtered: RegExp])[] =
  [
    ['local sockets', 1, 1, 0, /^no EAFNOSUPPORT$/],
    ['MPTCP', 2, 1, 262, /^no EPROTONOSUPPORT$/],
    ['raw sockets', 2, 3, 1, /^no EPERM$/],
    ['vsock', 40, 1, 0, /^no EAFNOSUPPORT$/],
    ['packet sockets', 17, 3, 0, /^no EAFNOSUPPORT$/],
    ['AF_ALG', 38, 5, 0, /^no EAFNOSUPPORT$/],
    ['netlink other than routes', 16, 3, 9, /^no EAFNOSUPPORT$/],
  ]
for (const [title, domain, type, protocol, filtered] of sockets)
  test(`${title} cannot be made`, { skip }, async () => {
    assert.match(account(await attack(['socket_of', String(domain), String(type), String(protocol)])), filtered)
  })

test('memory shared by key with the host is out of reach', { skip }, async () => {
  const { compile, eventually } = await import('../../runtime/launcher/launch.ts')
  const { spawn } = await import('node:child_process')
  const key = 0x42480000 + (process.pid & 0xffff)
  const holder = spawn(
    compile(`
    #include <stdio.h>
    #include <sys/shm.h>
    #include <unistd.h>
    int main(void) { int id = shmget(${key}, 4096, 01666 | 0666); puts("made"); fflush(stdout); pause(); }`),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  await new Promise((done) => holder.stdout?.once('data', done))
  try {
    await holdsOnlyWith(['ipc-namespace'], ['shared_memory', String(key)], /^no ENOENT$/, /^yes$/)
  } finally {
    holder.kill('SIGKILL')
    await eventually(() => holder.killed)
    const { execFileSync } = await import('node:child_process')
    execFileSync('ipcrm', ['-M', String(key)], { stdio: 'ignore' })
  }
})
