/* A file system that stands still while its image is copied, and is let go whatever becomes of whoever copies. */
#ifndef FREEZE_H
#define FREEZE_H

#include <sys/types.h>

/* `holds`: the device that the image lies on, which must never be the one that is frozen. */
void freeze(const char *mount, dev_t holds);
/* Safe to call when nothing is frozen. */
void thaw(void);

#endif
