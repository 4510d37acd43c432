/*
 * Which system calls a filter that somebody else installed (a container's seccomp profile) takes away from us. Each is
 * made with arguments that the kernel itself would refuse in another way, so that nothing can come of it.
 */
#ifndef FILTERED_H
#define FILTERED_H

#include "text.h"

/* Adds the names of the refused calls, as a JSON list. */
void filtered_print(struct text *line);

#endif
