/* A copy of the parent on its way into a sandbox: from here on it is the program of a run. */
#ifndef PRELOAD_JOIN_H
#define PRELOAD_JOIN_H

#include "../refusal.h"
#include "words.h"

enum { TRANSIENT_PID = 300 };

/*
 * Waits until pid 1 asks it in by `invitations`, enters the namespaces of `first` (a pidfd), and gives up every right as
 * init and payload do. Nothing of the parent's that is the launcher's affair is left then, neither descriptor nor word.
 */
const struct words *join(int first, int invitations);

#endif
