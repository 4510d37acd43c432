/*
 * A run can be held: everything of it is ready, and nothing of the plugin has run, until its caller lets it go and says what
 * for. What is said then are arguments, which come after those of the specification.
 */
#ifndef HOLD_H
#define HOLD_H

#include <stddef.h>
#include <stdint.h>

#include "spec.h"

/* A length and so many bytes, in which every argument ends with NUL: over the control pipe, the go pipe, and to a copy. */
enum { HOLD_BYTES_MAX = 60 * 1024 };
struct hold_words {
	uint32_t length;
	char bytes[HOLD_BYTES_MAX];
};

/* Their size as a message. */
size_t hold_size(const struct hold_words *words);
/* From the program's side: waits for them. `false`: they did not come whole, and nobody is left who would send them. */
bool hold_await(int from, struct hold_words *words);
/* From the launcher's side: takes them from its caller, who writes them as one. `false`: they did not come whole. */
bool hold_take(int control, struct hold_words *words);
/* Writes all of it. `false`: nothing was taken of it for a while. Whoever would read it may be dead, which is told elsewhere. */
bool hold_let_go(int into, const struct hold_words *words);
/* The arguments of `spec` and these after them, ended by NULL. Kept until it is called again; refuses what is not well formed. */
const char *const *hold_arguments(const struct spec *spec, const struct hold_words *words);

#endif
