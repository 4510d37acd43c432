/*
 * A run whose sandbox is a copy of a preloaded parent. The launcher stays what it is: it makes cgroups, mounts and pipes,
 * and supervises. Only the clone is the parent's, because what is to be copied is the parent's memory.
 */
#ifndef PRELOAD_H
#define PRELOAD_H

#include <sys/resource.h>

#include "spec.h"
#include "supervise.h"

/* After cgroup_make_unified: asks the parent for a pid 1, which it makes while the launcher goes on. */
void preload_call(const struct spec *spec);
/* In place of start_sandbox; `run` is then as after it. */
void preload_start(struct run *run);
/* The wait status of pid 1, which has ended and is another's child; SIGKILL if its parent cannot say. */
int preload_reap(const struct run *run, struct rusage *usage);

#endif
