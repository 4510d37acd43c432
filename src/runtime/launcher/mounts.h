/*
 * What the plugin can see: its own root, read-only, and mounts that were opened once and then used by
 * descriptor only. Nothing here resolves a path in a folder the plugin could write.
 */
#ifndef MOUNTS_H
#define MOUNTS_H

#include "spec.h"

/* Checks `root` (owner, mode) as the caller, in the host's mount namespace. */
void mounts_check_root(const struct spec *spec);
/* Opens every source, as detached read-only trees. Mode root: in the launcher. Mode user: in init, before the
 * change of id, because open_tree refuses mounts of another mount namespace. */
void mounts_open_sources(const struct spec *spec);
/* Makes the file systems of the run itself: skeletons, /tmp, /dev. After the change of id in mode user. */
void mounts_make_trees(const struct spec *spec);
/* Init: puts all in place, makes it the root, and lets go of the host's tree. */
void mounts_enter_root(const struct spec *spec);
/*
 * Mode root: where the descriptors of the trees are kept, in an order that the specification fixes, for a pid 1 that did not
 * open them (first.c). Says how many there are.
 */
enum { MOUNTS_MAX = SPEC_SKELETONS_MAX + SPEC_BINDS_MAX + 4 };
size_t mounts_places(const struct spec *spec, int *places[MOUNTS_MAX]);
/* There, while the mounts of the preloaded parent are still in sight: takes those that are the run's too, as they are. */
void mounts_take_over(const struct spec *spec);
/* Inside a container that an OCI runtime mounted: finds the writable file systems. */
void mounts_look_inside(const struct spec *spec);
/* Init: descriptors of the writable file systems, to see at the end whether they were full; -1 if none. */
int mounts_tmp(void);
int mounts_data(void);
/* weaker=mount-namespace: where a path inside is found outside. */
const char *mounts_outside(const struct spec *spec, const char *inside);

#endif
