/*
 * Which processor the start of a run happens on. It is a chain of short steps by three processes, each waiting for
 * the one before, and waking a sleeping processor for one of them takes longer than the step itself (in a virtual
 * machine 0.1 to 0.5 ms). So the chain stays where it began, until the program runs. Only speed hangs on this: a
 * kernel that refuses is not asked again.
 */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <sys/types.h>

/* Launcher, at the start: stay here. Inherited by what is cloned. */
void processor_stay(void);
/* Launcher, init and payload, once the start is over: as the caller had it. */
void processor_leave(void);
/* A child that works beside us: anywhere but here. */
void processor_send_away(pid_t pid);

#endif
