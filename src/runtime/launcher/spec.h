/* The specification of one run, as SPEC.md describes it: parsed and bounded at the door, trusted inside. */
#ifndef SPEC_H
#define SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers.h"
#include "relay/allowlist.h"

enum {
	SPEC_BYTES_MAX = 1 << 20,
	SPEC_FIELDS_MAX = 4096,
	SPEC_SKELETONS_MAX = 64,
	SPEC_BINDS_MAX = 512,
	SPEC_DEVICES_MAX = 16,
	SPEC_CALL_MAX = 32,
};

/* The v1 hierarchies a run can have a leaf in. */
enum hierarchy { V1_MEMORY, V1_PIDS, V1_CPU, V1_CPUACCT, V1_BLKIO, V1_COUNT };

/* Bits of `cgroup2_controllers`. */
enum controller { CONTROLS_MEMORY = 1, CONTROLS_PIDS = 2, CONTROLS_CPU = 4, CONTROLS_IO = 8 };

struct bind {
	const char *outside; /* NULL: the tree that the preloaded parent has there, with all that is mounted below it */
	const char *inside;
	bool executable;
};

struct link {
	const char *target;
	const char *inside;
};

struct spec {
	const char *run;
	const char *name;
	bool as_root; /* mode=root */
	bool helper;  /* idmap=helper */
	uint64_t uid, gid;
	const char *root;
	const char *data;
	const char *skeletons[SPEC_SKELETONS_MAX];
	struct bind binds[SPEC_BINDS_MAX];
	struct link links[SPEC_BINDS_MAX];
	size_t skeleton_count, bind_count, link_count;
	uint64_t tmp_bytes, tmp_inodes, data_bytes;
	const char *exec;
	const char *arguments[SPEC_FIELDS_MAX + 1];
	const char *environment[SPEC_FIELDS_MAX + 1];
	size_t argument_count, environment_count;
	const char *cwd;
	uint64_t memory_bytes, processes, cpu_permille;
	uint64_t files, file_size_bytes, output_bytes;
	uint64_t io_bytes_per_second; /* from and to each of the devices */
	const char *io_devices[SPEC_DEVICES_MAX]; /* "MAJOR:MINOR" */
	size_t io_device_count;
	uint64_t timeout_ms, idle_ms, grace_ms, stall_ms;
	const char *cgroup2;
	unsigned cgroup2_controllers;
	const char *cgroup1[V1_COUNT];
	uint64_t unix_sockets, proc, control, report_denials, held;
	struct allowlist network; /* count 0: no network */
	uint64_t connections, network_bytes;
	uint64_t landlock_abi;
	const char *report_file, *outcome_file, *journal_file;
	/* Calls of an OCI runtime, NULL-terminated; empty for a run of our own making. */
	const char *engine_create[SPEC_CALL_MAX + 1], *engine_start[SPEC_CALL_MAX + 1], *engine_delete[SPEC_CALL_MAX + 1];
	const char *engine_pid_file, *engine_place;
	bool apart; /* not a key: this process is a pid 1 whose program is not forked from it (first.c) */
	bool contained; /* not a key: this process is the first of an OCI runtime's container */
	const char *preload; /* the folder of the preloaded parent whose copy this run is */
	const char *parent;  /* preload-parent: the folder in which this run is one */
	const char *samples_file, *log_file;
	uint64_t sample_ms, log_bytes;
	uint64_t alert_memory, alert_cpu, alert_files; /* percent of the limit; 0: never */
	bool weaker[LAYER_COUNT];
};

/* Is this layer wanted, that is: not switched off by name? */
static inline bool wants(const struct spec *spec, enum layer layer)
{
	return !spec->weaker[layer];
}

/* Reads all of `fd` and parses it; refuses with SPEC_INVALID. `from_file` says that this is the form `--spec`. */
void spec_read(struct spec *spec, int fd, bool from_file);
/* The bytes that were read; how many. */
size_t spec_original(const char **bytes);
/* Leaves nothing of them in memory; nor is anything of the `struct spec` to be used any more. */
void spec_forget(void);

#endif
