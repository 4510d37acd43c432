/* Which system call a program may make, by number. */
#ifndef CALLS_H
#define CALLS_H

#include <stdint.h>

enum {
	CALLS_LAST_KNOWN = 462,
	CALLS_COUNT = CALLS_LAST_KNOWN + 1,
};

enum verdict {
	REFUSE, ABSENT, ALLOW,
	/* From here on: an argument decides. */
	CHECK_CLONE, CHECK_MODE_1, CHECK_MODE_2, CHECK_OPEN, CHECK_OPENAT, CHECK_MKNOD, CHECK_MKNODAT, CHECK_IOCTL,
	CHECK_PRCTL, CHECK_PERSONALITY, CHECK_SOCKET, CHECK_SOCKETPAIR, CHECK_PRLIMIT, CHECK_SETRLIMIT, CHECK_SCHEDULER,
	CHECK_MMAP, CHECK_MEMFD,
	VERDICT_COUNT,
};

/* What the filter answers to each call; whatever is newer than the table is ABSENT. */
void calls_judge(uint8_t verdicts[CALLS_COUNT]);

#endif
