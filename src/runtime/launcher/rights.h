/*
 * What a process may do, as /proc shows it to everybody: users, groups, capabilities, and what it has given up for good.
 * So that nothing is done for a process that it could not do itself any more.
 */
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

struct rights {
	char lines[4096]; /* room for some three hundred groups */
};

/* false: it cannot be told, be it that there is more of it than there is room for. */
bool rights_read(pid_t pid, struct rights *rights);

#endif
