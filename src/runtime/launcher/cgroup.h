/* The cgroup leaves of one run: made before anyone is inside, limits first, and removed when all are gone. */
#ifndef CGROUP_H
#define CGROUP_H

#include "spec.h"

/* What the kernel counted; -1 where it did not. */
struct cgroup_usage {
	int64_t cpu_ms;
	int64_t memory_peak_bytes;
	int64_t processes_peak;
	bool memory_killed;   /* the OOM killer took at least one of the run's processes */
	bool memory_pressed;  /* stood at its limit and reclaimed over and over */
	bool processes_met;
	bool cpu_met;
};

void cgroup_make(const struct spec *spec);
int cgroup_v2_leaf(void); /* for CLONE_INTO_CGROUP; -1 without a v2 hierarchy */
/* Moves the calling process, which must have one thread, into the v1 leaves. */
void cgroup_join(void);
void cgroup_read_usage(struct cgroup_usage *usage);
void cgroup_kill(void);
void cgroup_remove(const struct spec *spec);

#endif
