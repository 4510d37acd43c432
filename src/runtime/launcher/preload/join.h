/* A copy of the parent on its way into a sandbox: from here on it is the program of a run. */
#ifndef PRELOAD_JOIN_H
#define PRELOAD_JOIN_H

#include "../hold.h"
#include "../refusal.h"
#include "words.h"

enum { TRANSIENT_PID = 300 };

/*
 * Waits until pid 1 asks it in by `invitations`, enters the namespaces of `first` (a pidfd), and gives up every right as
 * init and payload do. Nothing of the parent's that is the launcher's affair is left then, neither descriptor nor word.
 */
const struct words *join(int first, int invitations);
/* Will it have to wait? */
bool join_is_held(void);
/*
 * The last thing before the program: says that it is there, waits if it is held, and then says that it runs. Arguments that
 * come after those of `join`, without end if none do.
 */
const struct hold_words *join_wait(void);

#endif
