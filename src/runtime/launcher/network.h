/*
 * The network of a run that has one: the relay and the dialer (relay/), started before the plugin and ended after it, and
 * what they decide, on its way into the journal. Without `network` lines nothing here does anything.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include "report.h"
#include "spec.h"

/* Launcher, after cgroup_make and while it is in the host's network: starts both. */
void network_begin(const struct spec *spec);
/* In the plugin's network namespace, by who may still change it: the launcher (mode root) or init (mode user). */
void network_open_ports(const struct spec *spec);
/* Launcher, before init goes on: waits until both are ready. `status` is init's pipe: if it refuses, that is the reason. */
void network_await(const struct spec *spec, int status);

/* Launcher's loop: what to poll (-1: nothing), and what to do when it is readable. */
int network_events(void);
void network_read(void);
/* Bytes relayed so far, both ways together; -1 without a network. */
int64_t network_bytes(void);

/* Ends both and waits for them: what the plugin sent before it ended is delivered, for at most a second. */
void network_end(struct ending *ending);
/* The same at once, for runs that are refused. */
void network_abandon(void);

#endif
