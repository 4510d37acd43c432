/* The plugin's side of its network: every address leads to loopback, and the allowed ports are listened at. */
#ifndef RELAY_PORTS_H
#define RELAY_PORTS_H

#include "../spec.h"

/*
 * By a process in the plugin's network namespace that has CAP_NET_ADMIN there, after loopback is up: makes the routes and
 * the sockets, sends them over `channel` and lets go of them. A socket stays in its namespace, so nobody has to enter it
 * again.
 */
void ports_open(const struct spec *spec, int channel);

#endif
