/* The probe: each layer tried for real in a throw-away child. */
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>

/*
 * Prints one JSON line per layer to stdout, and one of the calls that a filter withholds; returns the exit status.
 * Tried is what mode root does when root asks, unless it asks `as_user`.
 */
int probe(bool as_user);

/* Maps these two ids in a throw-away user namespace by newuidmap and newgidmap; what they answer goes to stderr. */
int probe_ids(const char *uid, const char *gid);

/* The line of the calls alone. */
int probe_filtered(void);

#endif
