/*
 * Files with several names. Each that was copied is linked by its inode's number into a folder in the copy, which is there as
 * long as the copy is made: a table that needs no memory, and lies in the same project.
 */
#ifndef COPY_LINKS_H
#define COPY_LINKS_H

#include <stdbool.h>
#include <sys/stat.h>

/* The top of the copy. */
void copy_links_in(int folder);
/* true: the same file is there already under another name, and now under this one, too. */
bool copy_link(const struct stat *status, int into, const char *name);
void copy_remember(const struct stat *status, int into, const char *name);
void copy_forget(void);

#endif
