/* Figures of the kernel: what it says in small files of /proc and of cgroups. */
#ifndef FIGURES_H
#define FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The beginning of a file as a string. false: it cannot be read. `at` as in openat. */
bool figures_read(int at, const char *file, char *into, size_t size);
/* -1 where there is no digit. */
int64_t figures_decimal(const char *string);
/* The number after `key`, which is followed by blanks or tabs, at the beginning of a line; -1 without. */
int64_t figures_keyed(const char *bytes, const char *key);

#endif
