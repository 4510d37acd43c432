// Doors behind sockets that are allowed. A pair of local datagram sockets could be sent from to any address, and so was the
// local socket that the filter refuses; options of a TCP or UDP socket lead to kernel code with a record.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compile, needsRoot, scratch } from '../../runtime/launcher/launch.ts'
import { account, attack, holdsOnlyWith } from './attacker.ts'

const skip = needsRoot

/** A daemon's mailbox, in a folder that a plugin was shown. */
async function mailbox(folder: string): Promise<() => void> {
  const program = compile(`
    #include <stdio.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <sys/un.h>
    #include <unistd.h>
    int main(int c, char **v) {
      struct sockaddr_un at = {.sun_family = AF_UNIX};
      strcpy(at.sun_path, v[1]);
      if (bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&at, sizeof at) < 0) return 1;
      puts("open"); fflush(stdout); pause(); }`)
  const daemon = spawn(program, [join(folder, 'letters')], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(daemon.stdout, 'data')
  chmodSync(join(folder, 'letters'), 0o777)
  return () => daemon.kill('SIGKILL')
}

test('a pair of sockets is no way to a mailbox of the host', { skip }, async () => {
  const folder = scratch()
  const close = await mailbox(folder)
  try {
    const add = [['bind', `${folder}\t/usr`]] as const
    for (const [words, refused] of [
      [['pair_send', '2'], /^no EPROTONOSUPPORT$/],
      // Another name of the same type.
      [['pair_send', '3'], /^no EPROTONOSUPPORT$/],
      [['pair_connect', '2'], /^no EPROTONOSUPPORT$/],
    ] as const)
      await holdsOnlyWith(['seccomp'], [...words, '/usr/letters'], refused, /^yes$/, { add })
    // unix-sockets=1 is for grpc plugins, and opens this door as well.
    const grpc = { add, set: { 'unix-sockets': 1 } }
    assert.equal(account(await attack(['pair_send', '2', '/usr/letters'], grpc)), 'yes')
  } finally {
    close()
  }
})

test('pairs that can only speak with each other stay', { skip }, async () => {
  assert.equal(account(await attack(['pair'])), 'yes')
})

test('no protocol can be put on top of TCP, and the kernel compiles nothing for a socket', { skip }, async () => {
  await holdsOnlyWith(['seccomp'], ['upper_protocol', 'tls'], /^no EPERM$/, /^(yes|no ENOENT)$/)
  await holdsOnlyWith(['seccomp'], ['socket_filter', '26'], /^no EPERM$/, /^yes$/)
  for (const option of ['50', '51', '52'])
    assert.equal(account(await attack(['socket_filter', option])), 'no EPERM', `SOL_SOCKET ${option}`)
})
