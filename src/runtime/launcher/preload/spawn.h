/* A parent's part in a new sandbox: its namespaces with their pid 1, and a copy of the parent that waits to be let in. */
#ifndef PRELOAD_SPAWN_H
#define PRELOAD_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spawned {
	pid_t first; /* pid 1, by the parent's count */
	int first_fd; /* pidfd */
};

/* Once. NULL, or why this process can be nobody's parent. */
const char *spawn_prepare(void);
/* `copy` is what the new copy of this process does; it does not return. NULL, or why there is none. */
const char *spawn(int launcher, int leaf, void (*copy)(int first, int invitations), struct spawned *spawned);
/* The network namespace of the last one, which is this process's own until the next is made. */
int spawn_network(void);
/* A new one for the next. NULL, or why there is none. */
const char *spawn_ready_network(void);
/* Nothing of what was done here is in the memory of a copy. */
void spawn_forget(void);

#endif
