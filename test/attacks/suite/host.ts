// What a host has that a plugin could be after: files, servers, queues, a careless caller. All of it is made for this, and
// goes away again.

import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { hostname, release } from 'node:os'
import { join } from 'node:path'
import { answers32BitCalls } from '../../helpers/calls-of-32-bit.ts'

/** Programs of the host, compiled before. */
export interface HostPrograms {
  readonly attacker: string
  readonly holder: string
  readonly careless: string
  readonly launcher: string
}

/** Holds one of each kind of System V and POSIX queue until its input ends: `holder KEY NAME`. */
export const HOLDER = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int c, char **v) {
  const int key = atoi(v[1]);
  char byte;
  umask(0);
  struct mq_attr few = {.mq_maxmsg = 1, .mq_msgsize = 8};
  const int memory = shmget(key, 4096, IPC_CREAT | 0666), queue = msgget(key, IPC_CREAT | 0666), set = semget(key, 1, IPC_CREAT | 0666);
  printf("%s\\n", mq_open(v[2], O_CREAT | O_RDWR, 0666, &few) >= 0 ? "posix" : "none");
  fflush(stdout);
  while (read(0, &byte, 1) > 0)
    ;
  shmctl(memory, IPC_RMID, NULL);
  msgctl(queue, IPC_RMID, NULL);
  semctl(set, 0, IPC_RMID);
  mq_unlink(v[2]);
}`

/**
 * A caller who is careless with what a launcher inherits: a folder and a file are open at 200 and 201, and a key lies in the
 * session keyring. Then it is `launch`, beside it.
 */
export const CARELESS = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(int c, char **v) {
  char folder[4096], path[5000];
  const ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
  folder[n > 0 ? n : 0] = 0;
  *strrchr(folder, '/') = 0;
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "suite") >= 0) {
    const long ring = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
    const long key = syscall(SYS_add_key, "user", "suite-secret", "x", 1, KEY_SPEC_SESSION_KEYRING);
    syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f3f3f);
    syscall(SYS_keyctl, KEYCTL_SETPERM, ring, 0x3f3f3f3f);
  }
  dup2(open("/", O_RDONLY | O_DIRECTORY), 200);
  snprintf(path, sizeof path, "%s/ledger", folder);
  dup2(open(path, O_RDWR), 201);
  snprintf(path, sizeof path, "%s/launch", folder);
  execv(path, v);
  return 125;
}`

/** What a host may not have, so that nobody can be after it. */
export type Lack = 'route' | 'keys' | 'queues' | 'cachestat' | 'calls-of-32-bit'

type Values = Readonly<Record<string, string>>

export class AttackedHost {
  readonly values: Values
  /** What the manifests ask to read. */
  readonly shown: string
  readonly careless: string
  readonly lacks: readonly Lack[]
  readonly #closers: (() => void)[]

  private constructor(values: Values, folder: string, lacks: readonly Lack[], closers: (() => void)[]) {
    this.values = values
    this.shown = join(folder, 'shown')
    this.careless = join(folder, 'careless')
    this.lacks = lacks
    this.#closers = closers
  }

  static async open(folder: string, programs: HostPrograms): Promise<AttackedHost> {
    const at = (name: string): string => join(folder, name)
    for (const name of ['', 'shown', 'hidden', 'open']) mkdirSync(at(name), { recursive: true, mode: 0o755 })
    chmodSync(at('open'), 0o1777)
    const file = (name: string, mode: number, content = 'secret'): void => {
      writeFileSync(at(name), content)
      chmodSync(at(name), mode)
    }
    file('hidden/secret', 0o644)
    file('hidden/module.mjs', 0o644, 'export default "code of the host"')
    file('shown/public', 0o644)
    file('shown/private', 0o600)
    file('ledger', 0o600)
    copyFileSync(programs.attacker, at('hidden/setuid'))
    chmodSync(at('hidden/setuid'), 0o4755)
    copyFileSync(programs.careless, at('careless'))
    chmodSync(at('careless'), 0o755)
    symlinkSync(programs.launcher, at('launch'))

    const tcp = await listening(answering(), { port: 0, host: '127.0.0.1' })
    // All of 127/8 is loopback.
    const other = await listening(answering(), { port: Number(portOf(tcp)), host: '127.13.37.1' })
    const stream = await listening(answering(), { path: at('hidden/stream') })
    const abstract = `bulkhead-suite-${process.pid}`
    const nameless = await listening(answering(), { path: `\0${abstract}` })
    const udp = createSocket('udp4')
    udp.on('message', (message, { port, address }) => udp.send(message, port, address)).bind(0, '127.0.0.1')
    await once(udp, 'listening')
    const key = 0x42000000 + (process.pid & 0xffffff)
    const queue = `/bulkhead-suite-${process.pid}`
    const holder = spawn(programs.holder, [String(key), queue], { stdio: ['pipe', 'pipe', 'inherit'] })
    const letters = spawn(programs.attacker, ['alone', 'mailbox', at('hidden/letters')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const held = await firstLine(holder)
    await firstLine(letters)
    for (const name of ['stream', 'letters']) chmodSync(at(`hidden/${name}`), 0o777)
    const lure = await freePort()
    const knocking = setInterval(() => knock(lure), 20)

    const values: Values = {
      port: portOf(tcp),
      udp: String(udp.address().port),
      lure: String(lure),
      secret: at('hidden/secret'),
      hidden: at('hidden'),
      module: at('hidden/module.mjs'),
      setuid: at('hidden/setuid'),
      stream: at('hidden/stream'),
      letters: at('hidden/letters'),
      open: at('open'),
      public: at('shown/public'),
      private: at('shown/private'),
      lateStream: at('shown/stream'),
      lateLetters: at('shown/letters'),
      abstract: `@${abstract}`,
      key: String(key),
      queue,
      hostname: hostname(),
    }
    const closers = [
      () => clearInterval(knocking),
      () => void [tcp, other, stream, nameless].map((server) => server.close()),
      () => udp.close(),
      () => holder.stdin?.end(),
      () => letters.stdin?.end(),
    ]
    return new AttackedHost(values, folder, lacksOf(held), closers)
  }

  /** A daemon makes its sockets in a folder that a plugin was shown before: what is looked through at the start of a run was in order. */
  late(): void {
    for (const name of ['stream', 'letters']) linkSync(join(this.values.hidden as string, name), join(this.shown, name))
  }

  early(): void {
    for (const name of ['stream', 'letters']) rmSync(join(this.shown, name), { force: true })
  }

  close(): void {
    for (const close of this.#closers) close()
  }
}

function lacksOf(held: string): Lack[] {
  const hasRoute = readFileSync('/proc/net/route', 'utf8').trim().split('\n').length > 1
  const hasKeys = /^\d+: /m.test(readOr('/proc/key-users'))
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const has: Readonly<Record<Lack, boolean>> = {
    route: hasRoute,
    keys: hasKeys,
    queues: held.startsWith('posix'),
    cachestat: major > 6 || (major === 6 && minor >= 5),
    'calls-of-32-bit': answers32BitCalls(),
  }
  return (Object.keys(has) as Lack[]).filter((one) => !has[one])
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // not in this kernel
  }
}

const answering = (): Server =>
  createServer((socket) =>
    socket
      .on('error', () => {})
      .on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret')),
  )

async function listening(server: Server, where: object): Promise<Server> {
  server.listen(where)
  await once(server, 'listening')
  return server
}

const portOf = (server: Server): string => String((server.address() as AddressInfo).port)

async function freePort(): Promise<number> {
  const server = await listening(createServer(), { port: 0, host: '127.0.0.1' })
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A client that gives its token to whoever answers. */
function knock(port: number): void {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {}).on('connect', () => socket.end('token'))
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')
  return String(line)
}
