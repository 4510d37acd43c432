/* The arguments and the environment of a process that was not started with them: what /proc, and so `ps`, shows of it. */
#ifndef PRELOAD_WORDS_H
#define PRELOAD_WORDS_H

#include <stdbool.h>

#include "../spec.h"

struct words {
	const char *arguments[SPEC_FIELDS_MAX + 1];
	const char *environment[SPEC_FIELDS_MAX + 1];
	size_t argument_count, environment_count;
};

/* Parent, while it may still look: where the kernel thinks the parts of this process are. False: it cannot be known. */
bool words_prepare(void);
/* Copies them out of the specification and has the kernel show them. Refuses. */
const struct words *words_take(const struct spec *spec);

#endif
