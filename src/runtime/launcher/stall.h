/*
 * A run that stands still for want of what its limits hold back. A program that cannot make a thread may wait for it
 * for ever, and one whose own code is reclaimed again and again does nothing but read it back: the kernel kills
 * neither. What has stood for stall-ms is ended as the limit it is.
 */
#ifndef STALL_H
#define STALL_H

#include <stdint.h>

#include "cgroup.h"
#include "report.h"

struct state;

struct stall {
	int64_t next_look_ms; /* 0: never */
	int64_t since_ms[2];  /* short of memory, of processes; 0: not */
	int64_t looked_ms;
	uint64_t moved;       /* bytes on stdin, stdout and stderr */
	struct cgroup_motion before;
};

void stall_begin(struct state *state);
/* LIMIT_NONE, or the limit that has held the run up for too long. */
enum limit stall_look(struct state *state, int64_t now_ms);

#endif
