/*
 * Mounts that pass through the hands of a preloaded parent, which a module may have turned bad. The kernel lets nobody take
 * "read-only", "nosuid" and their like from a mount that was copied into a namespace of a lesser user namespace.
 */
#ifndef LOCK_H
#define LOCK_H

#include "spec.h"

/* In mode root, when all trees are there: puts a locked copy in the place of each. */
void lock_trees(const struct spec *spec);
/* Waits for the end of what that has made. */
void lock_reap(void);

#endif
