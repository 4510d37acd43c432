/* Pid 1 of a container that an OCI runtime built: checks what it was given, and goes on as init does. */
#ifndef INSIDE_H
#define INSIDE_H

#include "refusal.h"

/* `path`: the specification, as the container shows it. The environment is the container's own. */
void NORETURN inside(const char *path, char **environment);

#endif
