/* A file system that stands still while its image is copied, and is let go whatever becomes of whoever copies. */
#ifndef FREEZE_H
#define FREEZE_H

#include <sys/types.h>

/* `holds`: the device that the image lies on, which must never be the one that is frozen. */
void freeze(const char *mount, dev_t holds);
/* Safe to call when nothing is frozen. */
void thaw(void);
/* `--thaw MOUNT`: lets go of what processes that are gone have frozen. */
int thaw_mount(const char *mount);

#endif
