/* The launcher while the plugin runs: pumps, clocks, signals, and the end of everything. */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include <sys/types.h>

#include "report.h"
#include "spec.h"

struct run {
	const struct spec *spec;
	pid_t init;
	int init_fd;    /* pidfd */
	int status;     /* reading end of the status pipe */
	int signals;    /* signalfd */
	int parent;     /* pidfd of the caller; -1 if not watched */
	int control;    /* control pipe; -1 without */
	int go;         /* where a held run is let go; -1: it is not held, or no more */
	int stdio[3];   /* our ends of the payload's stdin, stdout, stderr */
	int landlock;   /* ABI in use, for the report */
	int64_t began_ms;
};

/* Returns when the whole tree is dead and reaped. */
void supervise(struct run *run, struct ending *ending);
/* Kills what was cloned, reaps it; for refusals of the launcher itself after the clone. */
void supervise_abandon(const struct run *run);
int64_t supervise_clock_ms(void);

#endif
