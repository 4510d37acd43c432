// A plugin that wants out of its list: by the host's own network, by its own routes and ports, by what it tells the relay.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientPlugin, echo } from '../../manager/network/client.ts'
import { ownAddress } from '../../manager/network/names.ts'
import { skip, world } from '../../manager/network/world.ts'
import { compartment, compile, launch, type Run } from '../../runtime/launcher/launch.ts'
import { serve, tryout, withNetwork } from '../../runtime/network/outside.ts'

if (skip !== false) console.log(`skipped: ${skip}`)

test('a server of this host is reached by nobody who has the layer net-namespace', { skip }, async (t) => {
  const address = ownAddress(3)
  const { port, came } = await echo(t, address)
  const own = await world(t, {})
  own.install(await clientPlugin([]))
  const args = [address, `${port}`]
  assert.match((await own.run(args)).stdout, /: no ECONNREFUSED/)
  assert.equal(came(), 0)
  assert.match((await own.run(args, ['--weaker', 'net-namespace'])).stdout, /: yes ping/, 'without the layer it is')
})

const ATTACK = `
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
static const char *routes(void) {
  struct { struct nlmsghdr h; struct rtmsg r; } q = { { sizeof q, RTM_DELROUTE, NLM_F_REQUEST | NLM_F_ACK },
    { .rtm_family = AF_INET, .rtm_table = RT_TABLE_LOCAL, .rtm_scope = RT_SCOPE_HOST, .rtm_type = RTN_LOCAL } };
  struct { struct nlmsghdr h; struct nlmsgerr e; char rest[256]; } a;
  const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (fd < 0 || send(fd, &q, sizeof q, 0) < 0 || recv(fd, &a, sizeof a, 0) < 0) return strerrorname_np(errno);
  return a.e.error ? strerrorname_np(-a.e.error) : NULL;
}
static const char *take(int type, int port) {
  struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port) };
  const int one = 1, fd = socket(AF_INET, type, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  return bind(fd, (void *)&here, sizeof here) < 0 || (type == SOCK_STREAM && listen(fd, 1) < 0) ? strerrorname_np(errno) : NULL;
}
int main(int c, char **v) {
  const char *why = !strcmp(v[1], "routes") ? routes() : take(!strcmp(v[1], "udp") ? SOCK_DGRAM : SOCK_STREAM, atoi(v[2]));
  return printf(why ? "no %s" : "yes", why), 0;
}`

let program: string | undefined
async function attacked(args: readonly string[], rest: Partial<Run> = {}): Promise<string> {
  program ??= compile(ATTACK)
  const run = withNetwork({ allow: ['example.com:8443'] }, { ...rest, in: compartment(program), args })
  return (await launch(run)).stdout
}

test('a plugin cannot change the route that leads it to the relay', { skip }, async () => {
  assert.equal(await attacked(['routes']), 'no EPERM')
  // As root of its user namespace it could not either: the network belongs to another one.
  assert.equal(await attacked(['routes'], { weaker: ['capabilities'] }), 'no EPERM')
  assert.equal(await attacked(['routes'], { weaker: ['capabilities', 'user-namespace'] }), 'yes', 'without both it can')
})

test('a plugin cannot answer in the place of the relay, or of its name server', { skip }, async () => {
  assert.equal(await attacked(['tcp', '8443']), 'no EADDRINUSE')
  for (const type of ['tcp', 'udp']) assert.match(await attacked([type, '53']), /^no (?:EACCES|EADDRINUSE)$/)
  assert.equal(await attacked(['tcp', '8444']), 'yes', 'its other ports are its own')
})

test('an address of the relay’s own range means the name that it was given for, or nothing', { skip }, async () => {
  const server = await serve()
  const port = String(server.port)
  const { lines, decisions } = await tryout({ allow: [`*:${port}`], private: [`127.0.0.1:${port}`] }, [
    ...['tcp', '198.18.0.1', port, 'x', 'tcp', '198.18.255.255', port, 'x', 'tcp', '198.19.0.1', port, 'x'],
    ...['tcp', '::ffff:198.18.0.1', port, 'x', 'tcp', '::', port, 'x'],
    ...['tcp', '127.0.0.2', port, 'x', 'tcp', '::ffff:127.0.0.2', port, 'x', 'tcp', '::1', port, 'x'],
  ])
  await server.close()
  assert.deepEqual(new Set(lines), new Set(['no ECONNRESET']))
  assert.equal(server.connections.length, 0)
  assert.ok(decisions.every(({ verdict }) => verdict === 'denied'))
})
