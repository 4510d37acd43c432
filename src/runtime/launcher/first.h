/* Pid 1 of a sandbox whose program is a copy of a preloaded parent: `bulkhead-launch --first`, started by that parent. */
#ifndef FIRST_H
#define FIRST_H

#include "refusal.h"

/* The launcher's end on fd 3, the program's on fd 4. */
void NORETURN first(void);

#endif
