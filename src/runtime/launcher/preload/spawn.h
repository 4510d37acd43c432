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
/* Pid 1, which is told what to do by `launcher`. NULL, or why there is none. */
const char *spawn_first(int launcher, int leaf, struct spawned *spawned);
/* Right after it: the copy of this process that waits for that pid 1. `copy` is what it does; it does not return. Takes the
 * pidfd. NULL, or why there is none. */
const char *spawn_copy(int leaf, void (*copy)(int first, int invitations));
/* The network namespace of the last one, which is this process's own until the next is made. */
int spawn_network(void);
/* A new one for the next. NULL, or why there is none. */
const char *spawn_ready_network(void);
/* Nothing of what was done here is in the memory of a copy. */
void spawn_forget(void);

#endif
