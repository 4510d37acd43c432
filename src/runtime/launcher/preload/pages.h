/* The memory that copies are made of, in as few pages as there can be. */
#ifndef PRELOAD_PAGES_H
#define PRELOAD_PAGES_H

/* Parent, before the first copy. A kernel that cannot (before Linux 6.1) leaves everything as it is. */
void pages_join(void);

#endif
