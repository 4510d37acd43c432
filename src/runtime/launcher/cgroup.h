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
	bool processes_met;
	bool cpu_met;
};

/* How a run gets on, for stall.h; -1 where nobody counts. */
struct cgroup_motion {
	bool at_memory_limit;
	bool processes_met;
	int64_t major_faults; /* only counted at the limit */
	int64_t user_ms, cpu_ms;
};

/* What it counts at this moment; -1 where it does not. */
struct cgroup_now {
	int64_t cpu_ms;
	int64_t memory_bytes;
	int64_t processes;
};

/* The v2 leaf alone, without a limit: for who may be cloned into it, and waits there until the rest is made. */
void cgroup_make_unified(const struct spec *spec);
/* The others, and every limit. */
void cgroup_make(const struct spec *spec);
/* Again, when an OCI runtime has had its threads; a run of our own has its limit from the start. */
void cgroup_limit_processes(const struct spec *spec);
int cgroup_v2_leaf(void); /* for CLONE_INTO_CGROUP; -1 without a v2 hierarchy */
/* Moves the calling process, which must have one thread, into the v1 leaves. */
void cgroup_join(void);
/* The v1 leaves' `tasks`, as descriptors, for a process that did not make them: bits of those there are, and
 * their number. */
unsigned cgroup_give(int tasks[V1_COUNT], size_t *count);
size_t cgroup_take(unsigned hierarchies, const int tasks[]);
void cgroup_read_usage(struct cgroup_usage *usage);
void cgroup_read_motion(struct cgroup_motion *motion, const struct spec *spec);
/* Was the limit's worth of memory reclaimed and read back several times? */
bool cgroup_memory_pressed(const struct spec *spec);
void cgroup_read_now(struct cgroup_now *now);
/* A list of the pids in it, one a line; -1 without cgroups. */
int cgroup_members(void);
void cgroup_kill(void);
void cgroup_remove(const struct spec *spec);

#endif
