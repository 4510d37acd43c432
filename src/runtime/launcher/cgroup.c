#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "figures.h"
#include "kernel.h"
#include "refusal.h"
#include "text.h"

enum { NETWORK_SHARE = 4 }; /* of the memory limit */

struct leaf {
	const char *parent; /* as the specification spells it */
	char path[4096 + 80];
	int fd;
	int tasks; /* v1: open for writing, so that the child can move itself */
};

static struct leaf v2 = {.fd = -1, .tasks = -1};
static struct leaf v1[V1_COUNT];
static struct leaf *leaf_of[V1_COUNT]; /* two controllers may share one v1 directory */
static char leaf_name[80];
static int64_t own_processes = 1;
static const struct leaf *memory_leaf, *pids_leaf, *cpu_leaf, *cpuacct_leaf;
static const enum layer layer_of[V1_COUNT] = {LAYER_MEMORY, LAYER_PROCESSES, LAYER_CPU, LAYER_CPU, LAYER_NONE};

static void make_leaf(struct leaf *leaf, const char *parent, enum layer layer)
{
	struct text path = {leaf->path, 0, sizeof leaf->path};

	leaf->parent = parent;
	leaf->fd = leaf->tasks = -1;
	text_print(&path, "%s/%s", parent, leaf_name);
	/* A leaf of this name is left over from a run that was killed: empty, or the second mkdir says so. */
	if (mkdirat(AT_FDCWD, leaf->path, 0755) < 0 &&
	    (errno != EEXIST || unlinkat(AT_FDCWD, leaf->path, AT_REMOVEDIR) < 0 || mkdirat(AT_FDCWD, leaf->path, 0755) < 0))
		refuse(LAYER_UNAVAILABLE, layer, "cannot make cgroup %s: %m", leaf->path);
	leaf->fd = open(leaf->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (leaf->fd < 0)
		refuse(LAYER_UNAVAILABLE, layer, "cannot open cgroup %s: %m", leaf->path);
}

/* Returns 0 or an errno: some files exist only on some kernels, and the caller knows which may be missing. */
static int write_value(const struct leaf *leaf, const char *file, uint64_t value)
{
	TEXT(text, 32);
	const int fd = openat(leaf->fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	text_print(&text, "%llu", (unsigned long long)value);
	const int error = write(fd, text.bytes, text.length) < 0 ? errno : 0;
	close(fd);
	return error;
}

static void set_limit(const struct leaf *leaf, enum layer layer, const char *file, uint64_t value)
{
	const int error = write_value(leaf, file, value);

	if (error != 0) {
		errno = error;
		refuse(LAYER_UNAVAILABLE, layer, "cannot set %s of cgroup %s: %m", file, leaf->path);
	}
}

/* A memory limit that pages can leave for swap is none. Where the file is missing there must be no swap at all. */
static void forbid_swap(const struct leaf *leaf, const char *file, uint64_t value)
{
	struct sysinfo info;
	const int error = write_value(leaf, file, value);

	if (error == 0)
		return;
	if (error == ENOENT && sysinfo(&info) == 0 && info.totalswap == 0)
		return;
	errno = error;
	unavailable(MEMORY, "cannot set %s of cgroup %s: %m", file, leaf->path);
}

/*
 * v1 keeps buffers of TCP and UDP out of the memory limit: a program talking to itself would take what the whole
 * host has for them (net.ipv4.tcp_mem). They get a limit of their own, on top. A kernel without the file counts none.
 */
static void limit_network_memory(const struct leaf *leaf, uint64_t value)
{
	const int error = write_value(leaf, "memory.kmem.tcp.limit_in_bytes", value);

	if (error == 0 || error == ENOENT || error == EOPNOTSUPP)
		return;
	errno = error;
	unavailable(MEMORY, "cannot set memory.kmem.tcp.limit_in_bytes of cgroup %s: %m", leaf->path);
}

static void limit_memory(const struct spec *spec)
{
	if (spec->cgroup2_controllers & CONTROLS_MEMORY) {
		memory_leaf = &v2;
		set_limit(&v2, LAYER_MEMORY, "memory.max", spec->memory_bytes);
		forbid_swap(&v2, "memory.swap.max", 0);
		/* One victim would leave the rest of a program in a state its author never saw. */
		set_limit(&v2, LAYER_MEMORY, "memory.oom.group", 1);
	} else if (leaf_of[V1_MEMORY]) {
		memory_leaf = leaf_of[V1_MEMORY];
		set_limit(memory_leaf, LAYER_MEMORY, "memory.limit_in_bytes", spec->memory_bytes);
		forbid_swap(memory_leaf, "memory.memsw.limit_in_bytes", spec->memory_bytes);
		limit_network_memory(memory_leaf, spec->memory_bytes / NETWORK_SHARE);
	} else {
		unavailable(MEMORY, "cannot limit memory: no cgroup with a memory controller was given");
	}
}

void cgroup_limit_processes(const struct spec *spec)
{
	if (!wants(spec, LAYER_PROCESSES))
		return;
	/* The sandbox's own pid 1 is counted too, and so are the relay's processes. */
	own_processes = 1 + (spec->network.count > 0 ? 2 : 0);
	if (spec->cgroup2_controllers & CONTROLS_PIDS)
		pids_leaf = &v2;
	else if (leaf_of[V1_PIDS])
		pids_leaf = leaf_of[V1_PIDS];
	else if (wants(spec, LAYER_USER_NAMESPACE) && wants(spec, LAYER_RLIMITS))
		return; /* RLIMIT_NPROC counts per user namespace since Linux 5.14, so it holds on its own */
	else
		unavailable(PROCESSES, "cannot limit processes: no cgroup with a pids controller was given");
	set_limit(pids_leaf, LAYER_PROCESSES, "pids.max", spec->processes + (uint64_t)own_processes);
}

static void limit_cpu(const struct spec *spec)
{
	/* The kernel takes no quota under 1 ms, so a tiny share needs a longer period. */
	const uint64_t period_us = spec->cpu_permille < 10 ? 1000000 : 100000;
	const uint64_t quota_us = spec->cpu_permille * period_us / 1000;

	if (spec->cgroup2_controllers & CONTROLS_CPU) {
		TEXT(text, 64);
		cpu_leaf = &v2;
		const int fd = openat(v2.fd, "cpu.max", O_WRONLY | O_CLOEXEC);
		text_print(&text, "%llu %llu", (unsigned long long)quota_us, (unsigned long long)period_us);
		if (fd < 0 || write(fd, text.bytes, text.length) < 0)
			unavailable(CPU, "cannot set cpu.max of cgroup %s: %m", v2.path);
		close(fd);
	} else if (leaf_of[V1_CPU]) {
		cpu_leaf = leaf_of[V1_CPU];
		if (period_us != 100000) /* the kernel's default */
			set_limit(cpu_leaf, LAYER_CPU, "cpu.cfs_period_us", period_us);
		set_limit(cpu_leaf, LAYER_CPU, "cpu.cfs_quota_us", quota_us);
	} else {
		unavailable(CPU, "cannot limit cpu: no cgroup with a cpu controller was given");
	}
}

static void write_rate(const struct leaf *leaf, const char *file, const struct text *line)
{
	const int fd = openat(leaf->fd, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, line->bytes, line->length) < 0)
		refuse(LAYER_UNAVAILABLE, LAYER_NONE, "cannot set %s of cgroup %s to %s: %m", file, leaf->path, line->bytes);
	close(fd);
}

static void limit_io(const struct spec *spec)
{
	const unsigned long long rate = spec->io_bytes_per_second;
	const struct leaf *legacy = leaf_of[V1_BLKIO];

	if (!(spec->cgroup2_controllers & CONTROLS_IO) && !legacy)
		refuse(LAYER_UNAVAILABLE, LAYER_NONE, "cannot limit io: no cgroup with an io controller was given");
	for (size_t i = 0; i < spec->io_device_count; i++) {
		TEXT(line, 96);
		if (spec->cgroup2_controllers & CONTROLS_IO) {
			text_print(&line, "%s rbps=%llu wbps=%llu", spec->io_devices[i], rate, rate);
			write_rate(&v2, "io.max", &line);
			continue;
		}
		text_print(&line, "%s %llu", spec->io_devices[i], rate);
		write_rate(legacy, "blkio.throttle.read_bps_device", &line);
		write_rate(legacy, "blkio.throttle.write_bps_device", &line);
	}
}

void cgroup_make_unified(const struct spec *spec)
{
	struct text name = {leaf_name, 0, sizeof leaf_name};

	text_print(&name, "bulkhead-%s", spec->run);
	if (spec->cgroup2)
		make_leaf(&v2, spec->cgroup2, LAYER_KILL_TREE);
}

void cgroup_make(const struct spec *spec)
{
	for (int i = 0; i < V1_COUNT; i++) {
		if (!spec->cgroup1[i] || (layer_of[i] != LAYER_NONE && spec->weaker[layer_of[i]]))
			continue;
		for (int j = 0; j < i && !leaf_of[i]; j++)
			if (leaf_of[j] && strcmp(spec->cgroup1[i], leaf_of[j]->parent) == 0)
				leaf_of[i] = leaf_of[j];
		if (leaf_of[i])
			continue;
		make_leaf(&v1[i], spec->cgroup1[i], layer_of[i]);
		leaf_of[i] = &v1[i];
		v1[i].tasks = openat(v1[i].fd, "tasks", O_WRONLY | O_CLOEXEC);
		if (v1[i].tasks < 0)
			refuse(LAYER_UNAVAILABLE, layer_of[i], "cannot open tasks of cgroup %s: %m", v1[i].path);
	}
	if (wants(spec, LAYER_MEMORY))
		limit_memory(spec);
	if (!spec->engine_create[0]) /* a runtime's own first process has threads: see engine_start */
		cgroup_limit_processes(spec);
	if (wants(spec, LAYER_CPU) && spec->cpu_permille > 0)
		limit_cpu(spec);
	if (spec->io_bytes_per_second > 0 && spec->io_device_count > 0)
		limit_io(spec);
	cpuacct_leaf = leaf_of[V1_CPUACCT];
}

int cgroup_v2_leaf(void)
{
	return v2.fd;
}

/*
 * "0" into `tasks` moves the caller itself. For one's own single thread the kernel needs no lock on every thread
 * group of the machine, and so no RCU grace period (cgroup_procs_write_start): a parent's write to cgroup.procs
 * would stall for milliseconds. The right to write was checked when the launcher opened the file.
 */
void cgroup_join(void)
{
	for (int i = 0; i < V1_COUNT; i++)
		if (leaf_of[i] == &v1[i] && write(v1[i].tasks, "0", 1) < 0)
			refuse(LAYER_UNAVAILABLE, layer_of[i], "cannot join cgroup %s: %m", v1[i].path);
}

unsigned cgroup_give(int tasks[V1_COUNT], size_t *count)
{
	unsigned hierarchies = 0;

	*count = 0;
	for (int i = 0; i < V1_COUNT; i++)
		if (leaf_of[i] == &v1[i]) {
			hierarchies |= 1U << i;
			tasks[(*count)++] = v1[i].tasks;
		}
	return hierarchies;
}

size_t cgroup_take(unsigned hierarchies, const int tasks[])
{
	size_t count = 0;

	for (int i = 0; i < V1_COUNT; i++)
		if (hierarchies & 1U << i) {
			leaf_of[i] = &v1[i];
			v1[i].tasks = tasks[count++];
		}
	return count;
}

static bool read_file(const struct leaf *leaf, const char *file, char *into, size_t size)
{
	return figures_read(leaf->fd, file, into, size);
}

static int64_t read_number(const struct leaf *leaf, const char *file)
{
	char bytes[64];

	return leaf && read_file(leaf, file, bytes, sizeof bytes) ? figures_decimal(bytes) : -1;
}

static int64_t read_keyed(const struct leaf *leaf, const char *file, const char *key)
{
	char bytes[2048];

	return leaf && read_file(leaf, file, bytes, sizeof bytes) ? figures_keyed(bytes, key) : -1;
}

void cgroup_read_usage(struct cgroup_usage *usage)
{
	*usage = (struct cgroup_usage){.cpu_ms = -1, .memory_peak_bytes = -1, .processes_peak = -1};
	if (memory_leaf == &v2 && v2.fd >= 0) {
		usage->memory_peak_bytes = read_number(&v2, "memory.peak");
		usage->memory_killed = read_keyed(&v2, "memory.events", "oom_kill") > 0;
	} else if (memory_leaf) {
		usage->memory_peak_bytes = read_number(memory_leaf, "memory.max_usage_in_bytes");
		usage->memory_killed = read_keyed(memory_leaf, "memory.oom_control", "oom_kill") > 0;
	}
	if (pids_leaf) {
		const int64_t peak = read_number(pids_leaf, "pids.peak");
		usage->processes_peak = peak > own_processes ? peak - own_processes : peak;
		usage->processes_met = read_keyed(pids_leaf, "pids.events", "max") > 0;
	}
	if (cpu_leaf == &v2 && v2.fd >= 0) {
		char bytes[2048];
		if (read_file(&v2, "cpu.stat", bytes, sizeof bytes)) {
			usage->cpu_met = figures_keyed(bytes, "nr_throttled") > 0;
			usage->cpu_ms = figures_keyed(bytes, "usage_usec") / 1000;
		}
	} else if (cpu_leaf) {
		usage->cpu_met = read_keyed(cpu_leaf, "cpu.stat", "nr_throttled") > 0;
	}
	if (cpuacct_leaf) {
		const int64_t ns = read_number(cpuacct_leaf, "cpuacct.usage");
		usage->cpu_ms = ns < 0 ? -1 : ns / 1000000;
	}
}

static int64_t memory_statistic(const char *key)
{
	char bytes[16384];

	return memory_leaf && read_file(memory_leaf, "memory.stat", bytes, sizeof bytes) ? figures_keyed(bytes, key) : -1;
}

void cgroup_read_motion(struct cgroup_motion *motion, const struct spec *spec)
{
	const int64_t in_use = read_number(memory_leaf, memory_leaf == &v2 ? "memory.current" : "memory.usage_in_bytes");
	char bytes[2048];

	*motion = (struct cgroup_motion){.major_faults = -1, .user_ms = -1, .cpu_ms = -1};
	motion->at_memory_limit = in_use >= (int64_t)(spec->memory_bytes - spec->memory_bytes / 8);
	if (motion->at_memory_limit)
		motion->major_faults = memory_statistic("pgmajfault");
	motion->processes_met = read_keyed(pids_leaf, "pids.events", "max") > 0;
	/* Counted in every v2 cgroup, with a cpu controller or without. */
	if (v2.fd >= 0 && read_file(&v2, "cpu.stat", bytes, sizeof bytes)) {
		motion->user_ms = figures_keyed(bytes, "user_usec") / 1000;
		motion->cpu_ms = figures_keyed(bytes, "usage_usec") / 1000;
	} else if (cpuacct_leaf) {
		const int64_t user_ns = read_number(cpuacct_leaf, "cpuacct.usage_user");
		motion->user_ms = user_ns < 0 ? -1 : user_ns / 1000000;
		motion->cpu_ms = read_number(cpuacct_leaf, "cpuacct.usage") / 1000000;
	}
}

bool cgroup_memory_pressed(const struct spec *spec)
{
	return memory_statistic("workingset_refault_file") > (int64_t)(4 * spec->memory_bytes / 4096);
}

/* Pages of files that nobody has touched lately go first when memory is short: they are no reason for an alert. */
static int64_t without_cache(int64_t used, const char *key)
{
	const int64_t idle = memory_statistic(key);

	return used < 0 || idle < 0 ? used : used > idle ? used - idle : 0;
}

void cgroup_read_now(struct cgroup_now *now)
{
	*now = (struct cgroup_now){.cpu_ms = -1, .memory_bytes = -1, .processes = -1};
	if (memory_leaf == &v2)
		now->memory_bytes = without_cache(read_number(&v2, "memory.current"), "inactive_file");
	else if (memory_leaf)
		now->memory_bytes = without_cache(read_number(memory_leaf, "memory.usage_in_bytes"), "total_inactive_file");
	const int64_t processes = read_number(pids_leaf, "pids.current");
	now->processes = processes >= own_processes ? processes - own_processes : processes;
	if (cpuacct_leaf) {
		const int64_t ns = read_number(cpuacct_leaf, "cpuacct.usage");
		now->cpu_ms = ns < 0 ? -1 : ns / 1000000;
	} else if (v2.fd >= 0) {
		const int64_t us = read_keyed(&v2, "cpu.stat", "usage_usec");
		now->cpu_ms = us < 0 ? -1 : us / 1000;
	}
}

int cgroup_members(void)
{
	if (v2.fd >= 0)
		return openat(v2.fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < V1_COUNT; i++)
		if (leaf_of[i] == &v1[i])
			return openat(v1[i].fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	return -1;
}

/* v1 has no cgroup.kill: signal whoever is listed. A fork between reading and killing is met by the next round. */
static void kill_listed(const struct leaf *leaf)
{
	char bytes[4096];

	if (!read_file(leaf, "cgroup.procs", bytes, sizeof bytes))
		return;
	/* A number that the end of the buffer cut short would be somebody else's: only whole lines count. */
	for (const char *line = bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
		const int64_t pid = figures_decimal(line);
		if (pid > 1)
			kill((pid_t)pid, SIGKILL);
	}
}

void cgroup_kill(void)
{
	/* Linux 5.14; before that, and without v2, the listed processes are signalled. */
	if (v2.fd >= 0 && write_value(&v2, "cgroup.kill", 1) == 0)
		return;
	for (int i = 0; i < V1_COUNT; i++)
		if (leaf_of[i] == &v1[i])
			return kill_listed(&v1[i]);
	if (v2.fd >= 0)
		kill_listed(&v2);
}

/* A dying process leaves its cgroup a moment after it was reaped, so EBUSY is tried again for two seconds. */
static void remove_leaf(struct leaf *leaf, bool kill_first)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (leaf->path[0] == '\0')
		return; /* never made */
	for (int tries = 0; unlinkat(AT_FDCWD, leaf->path, AT_REMOVEDIR) < 0; tries++) {
		if (errno != EBUSY || tries == 2000)
			return;
		if (kill_first)
			cgroup_kill();
		nanosleep(&pause, NULL);
	}
	leaf->path[0] = '\0';
}

void cgroup_remove(const struct spec *spec)
{
	const bool kill_first = wants(spec, LAYER_KILL_TREE);

	for (int i = 0; i < V1_COUNT; i++)
		if (leaf_of[i] == &v1[i])
			remove_leaf(&v1[i], kill_first);
	remove_leaf(&v2, kill_first);
}
