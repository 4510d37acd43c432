// However a program asks for a name of its list, it gets the one address: by the C library in each of its ways, by a
// resolver of its own that reads /etc/resolv.conf, by Python.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compile } from '../../helpers/compile.ts'
import { manifestOf } from '../household.ts'
import { skip, world } from './world.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

const permissions = { network: ['api.bulkhead.test:443'] }

test('getaddrinfo finds it with and without regard to what addresses this host has', { skip }, async (t) => {
  const program = await compile(`#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
int main(void) {
  const int families[] = {AF_UNSPEC, AF_INET}, flags[] = {0, AI_ADDRCONFIG};
  for (int i = 0; i < 4; i++) {
    struct addrinfo hints = {.ai_family = families[i / 2], .ai_flags = flags[i % 2], .ai_socktype = SOCK_STREAM}, *found;
    char text[64];
    const int error = getaddrinfo("api.bulkhead.test", "443", &hints, &found);
    puts(error ? gai_strerror(error)
               : inet_ntop(AF_INET, &((struct sockaddr_in *)found->ai_addr)->sin_addr, text, sizeof text));
  }
  puts(gethostbyname("api.bulkhead.test") && !gethostbyname("other.bulkhead.test") ? "and the old way" : "not the old way");
}`)
  const own = await world(t, {})
  const files = { 'bin/x': readFileSync(program), 'plugin.json': manifestOf({ permissions }) }
  own.install({ files, executable: ['bin/x'] })
  const { stdout } = await own.run()
  assert.equal(stdout, `${'198.18.0.1\n'.repeat(4)}and the old way\n`)
})

test('a resolver of a program’s own finds the name server in /etc/resolv.conf', { skip }, async (t) => {
  const main = `
    import dns from 'node:dns/promises'
    const tried = (promise) => promise.then((found) => found, (error) => error.code)
    console.log(JSON.stringify([
      dns.getServers(),
      await tried(dns.resolve4('api.bulkhead.test')),
      await tried(dns.resolve6('api.bulkhead.test')),
      await tried(dns.resolveTxt('api.bulkhead.test')),
      await tried(dns.resolve4('other.bulkhead.test')),
      await tried(dns.lookup('localhost', { family: 4 })),
    ]))`
  const own = await world(t, {})
  const entry = { runtime: 'node', path: 'main.mjs' }
  own.install({ files: { 'main.mjs': main, 'plugin.json': manifestOf({ entry, permissions }) } })
  const { stdout } = await own.run()
  assert.deepEqual(JSON.parse(stdout), [
    ['127.0.0.1'],
    ['198.18.0.1'],
    'ENODATA',
    'ENODATA',
    'ENOTFOUND',
    { address: '127.0.0.1', family: 4 },
  ])
})

const noPython = !existsSync('/usr/bin/python3') && 'there is no /usr/bin/python3 on this host'

test('so does Python', { skip: skip || noPython }, async (t) => {
  const main = `import socket
print(socket.gethostbyname('api.bulkhead.test'), socket.getfqdn('api.bulkhead.test'))
print([one[4] for one in socket.getaddrinfo('api.bulkhead.test', 443, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)])`
  const own = await world(t, {})
  const entry = { runtime: 'python', path: 'main.py' }
  own.install({ files: { 'main.py': main, 'plugin.json': manifestOf({ entry, permissions }) } })
  const { stdout, stderr } = await own.run()
  assert.equal(stdout, `198.18.0.1 api.bulkhead.test\n[('198.18.0.1', 443)]\n`, stderr)
})
