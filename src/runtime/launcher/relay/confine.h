/* How a process of the relay gives up what it does not need, which is nearly everything. */
#ifndef RELAY_CONFINE_H
#define RELAY_CONFINE_H

#include <stddef.h>

#include "../spec.h"
#include "filter.h"

/*
 * In order: into the run's cgroups, out of the caller's session, out of all descriptors but `kept` (which are 0, 1, …
 * afterwards), to the plugin's uid, without capabilities, undumpable, dying with the launcher, and without the file
 * system. `files` is how many descriptors it may ever have.
 */
void confine_begin(const struct spec *spec, enum role role, const int *kept, size_t count, unsigned files);
/* Last, when everything is open: the system-call filter. */
void confine_end(const struct spec *spec, enum role role);

#endif
