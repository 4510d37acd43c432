/* clone3 with a function and a stack, as clone(2) has them in every libc, and clone3 in none. */
#ifndef CLONE_H
#define CLONE_H

#include <linux/sched.h>
#include <stddef.h>

/* Runs `function` on the stack that `arguments` name; the child ends with it. The parent gets a pid, or a negative errno. */
long clone_to(const struct clone_args *arguments, size_t size, int (*function)(void *), void *argument);

#endif
