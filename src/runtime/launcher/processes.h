/* The processes of the sandbox as /proc shows them: what cgroups do not count, or everything where there are none. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stdint.h>
#include <sys/types.h>

/* Sums over all of them; -1 where /proc does not tell. */
struct process_figures {
	int64_t processes;    /* without the sandbox's own pid 1 */
	int64_t cpu_ms;       /* theirs, and of those they have waited for */
	int64_t memory_bytes; /* anonymous and shared pages */
	int64_t files;        /* the most that one of them has open */
	int64_t io_read_bytes, io_write_bytes; /* that reached a device */
};

void processes_look(pid_t init, struct process_figures *figures);

#endif
