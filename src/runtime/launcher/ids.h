/* Who the plugin is: one id in its own user namespace, a host uid of its own outside, no capability. */
#ifndef IDS_H
#define IDS_H

#include <sys/types.h>

#include "spec.h"

enum { INSIDE_ID = 1000 };

/* Launcher, before the clone: may this caller build what was asked? Drops supplementary groups (mode=root). */
void ids_prepare(const struct spec *spec);
/*
 * Launcher, around the clone (mode=root): makes the plugin's uid the owner of its user namespace, and goes back.
 */
void ids_own_namespace(const struct spec *spec);
void ids_own_no_more(const struct spec *spec);
/* Launcher, after the clone: writes the maps of the child's user namespace. */
void ids_map(const struct spec *spec, pid_t child);
/* For work on a plugin's files: the caller as 0 inside, and the plugin's ids as ever; with uid 0 the caller alone. */
void ids_map_with_caller(pid_t child, uint32_t uid, uint32_t gid);
/* Init: becomes the plugin's user and keeps its capabilities for the mounts that follow. */
void ids_become(const struct spec *spec);
/*
 * A process that stays outside (the relay's): the plugin's host uid in mode root, no capability, undumpable. In mode user
 * it keeps the caller's uid; `namespaced` says that it is in a user namespace of its own, where it has rights to lose.
 */
void ids_become_outside(const struct spec *spec, bool namespaced);
/* Every capability of one's own user namespace, also across execve. */
void ids_keep_capabilities(void);
/* Init: no capability survives this line; or one, until the filters stand, if no_new_privs was switched off. */
void ids_drop_capabilities(const struct spec *spec);
void ids_drop_last_capability(const struct spec *spec);

#endif
