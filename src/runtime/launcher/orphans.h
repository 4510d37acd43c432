/*
 * Children that are not the launcher's own. As pid 1 of a container (`docker run image plugins run …` hands over to
 * the launcher by execve) it is given every process of that container whose parent ended, and must reap them.
 */
#ifndef ORPHANS_H
#define ORPHANS_H

#include <stdbool.h>
#include <sys/types.h>

bool orphans_are_ours(void);

/* Reaps who has ended, but leaves `own`, whose status is still wanted, as it is. */
void orphans_reap(pid_t own);

#endif
