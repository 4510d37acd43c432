/* Which system call a program may make, by number. */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	CALLS_LAST_KNOWN = 462,
	CALLS_COUNT = CALLS_LAST_KNOWN + 1,
};

enum verdict {
	REFUSE, ABSENT, ALLOW,
	LOOK, /* allowed; a filter that reports looks at the path first */
	/* From here on: an argument decides. */
	CHECK_CLONE, CHECK_MODE_1, CHECK_MODE_2, CHECK_OPEN, CHECK_OPENAT, CHECK_MKNOD, CHECK_MKNODAT, CHECK_IOCTL,
	CHECK_PRCTL, CHECK_PERSONALITY, CHECK_SOCKET, CHECK_SOCKETPAIR, CHECK_PRLIMIT, CHECK_SETRLIMIT, CHECK_SCHEDULER,
	CHECK_MMAP, CHECK_MEMFD, CHECK_SETSOCKOPT,
	VERDICT_COUNT,
};

/* What the filter answers to each call; whatever is newer than the table is ABSENT. LOOK is among them if `looks`. */
void calls_judge(uint8_t verdicts[CALLS_COUNT], bool looks);

/* Where a call that looks up a path has it: numbers of arguments, -1 for none. */
struct call_path {
	short number;
	signed char folder; /* the descriptor it starts from */
	signed char path;
	signed char flags;
	enum { LOOKS_UP, OPENS } kind;
};

/* NULL if this call is none of those. */
const struct call_path *calls_path(int number);
/* Its name, or NULL. */
const char *calls_name(int number);

#endif
