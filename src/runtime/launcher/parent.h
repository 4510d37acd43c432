/*
 * What the launcher makes for a preloaded parent besides a sandbox: the socket at which it is called, and a cgroup with
 * room for those that come out of it. The parent itself is preload/.
 */
#ifndef PARENT_H
#define PARENT_H

#include "spec.h"

/* Launcher, before cgroup_make: the leaves of the run, and of its copies, are then made below a cgroup of their own. */
void parent_prepare(struct spec *spec);
/* The socket that the program gets as fd 3; -1 for any other run. */
int parent_listener(void);
/* After cgroup_remove. */
void parent_remove(void);

#endif
