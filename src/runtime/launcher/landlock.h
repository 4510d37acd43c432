/* Landlock: a second opinion on the file system, and the end of signals and abstract sockets to others. */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include "spec.h"

/* The kernel's ABI; 0 when there is none. */
int landlock_abi(void);
/* Launcher: refuses when the kernel's ABI is lower than the specification accepts. Returns the ABI in use. */
int landlock_check(const struct spec *spec);
/* Init, inside the new root. */
void landlock_restrict(const struct spec *spec);
/* A process of the relay: no file at all, and (ABI 4) TCP to these ports only, and none to listen at. */
void landlock_seal(const uint16_t *ports, size_t count);

#endif
