#include "rlimits.h"

#include <sys/resource.h>

#include "refusal.h"

/* Never above the inherited hard limit: without CAP_SYS_RESOURCE raising it fails, and less is what we want. */
static void set(int resource, rlim_t value, const char *name)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		unavailable(RLIMITS, "cannot read the limit %s: %m", name);
	if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > value)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
		unavailable(RLIMITS, "cannot set the limit %s: %m", name);
}

/*
 * Not 0: where core_pattern is a program (apport, systemd-coredump), 0 still has the kernel start it, as root of the
 * host and in none of our cgroups. Exactly 1 is the value at which it does not (core(5)).
 */
void rlimits_forbid_cores(const struct spec *spec)
{
	if (wants(spec, LAYER_RLIMITS) || spec->parent)
		set(RLIMIT_CORE, 1, "CORE");
}

void rlimits_set(const struct spec *spec)
{
	if (!wants(spec, LAYER_RLIMITS))
		return;
	set(RLIMIT_NOFILE, spec->files, "NOFILE");
	set(RLIMIT_MEMLOCK, 0, "MEMLOCK");
	set(RLIMIT_MSGQUEUE, 0, "MSGQUEUE");
	/* Queued signals and POSIX timers are charged to the caller too, whose limit is for the whole session. */
	set(RLIMIT_SIGPENDING, 1024, "SIGPENDING");
	set(RLIMIT_RTPRIO, 0, "RTPRIO");
	set(RLIMIT_NICE, 0, "NICE");
	if (spec->file_size_bytes > 0)
		set(RLIMIT_FSIZE, spec->file_size_bytes, "FSIZE");
	/*
	 * Counted per user namespace since Linux 5.14; without one it would count the uid's other runs too. Init is
	 * one of those counted. A pids cgroup, where there is one, comes first by one: it remembers that it was met.
	 */
	if (wants(spec, LAYER_PROCESSES) && wants(spec, LAYER_USER_NAMESPACE))
		set(RLIMIT_NPROC,
		    spec->processes + (spec->cgroup1[V1_PIDS] || spec->cgroup2_controllers & CONTROLS_PIDS ? 2 : 1),
		    "NPROC");
	/* A poor stand-in for a memory cgroup, when the caller has none to give and said so. */
	if (!wants(spec, LAYER_MEMORY) && spec->memory_bytes > 0 && !spec->cgroup1[V1_MEMORY] &&
	    !(spec->cgroup2_controllers & CONTROLS_MEMORY))
		set(RLIMIT_DATA, spec->memory_bytes, "DATA");
}
