/*
 * Looks at a path as the plugin would see it, without being fooled into anything by it: only by O_PATH, below the
 * plugin's own root, through no link of /proc, and not at all where a plugin can write or a file system of somebody
 * else's may answer slowly.
 */
#ifndef SIGHT_H
#define SIGHT_H

#include <linux/seccomp.h>

#include "calls.h"

enum { SIGHT_PATH_MAX = 4096 };

/* The path a waiting call was given, absolute if that can be said; "" if it cannot be read. */
void sight_read(const struct seccomp_notif *asked, const struct call_path *at, char path[SIGHT_PATH_MAX]);
/* ENOENT: it is not there. EROFS: it shall be written, and is on a read-only file system. 0: neither, or who knows. */
int sight_look(const struct seccomp_notif *asked, const struct call_path *at, char path[SIGHT_PATH_MAX]);
void sight_end(void);

#endif
