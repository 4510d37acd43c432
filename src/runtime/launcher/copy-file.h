/* The copy of one file: its bytes, and what else is known of it. */
#ifndef COPY_FILE_H
#define COPY_FILE_H

#include <stdint.h>
#include <sys/stat.h>

/* What a copy has come to, and how far it may go. */
struct budget {
	uint64_t bytes;       /* in use by what was copied */
	uint64_t written;     /* blocks that could be shared are not written */
	uint64_t written_max;
};

/* As long as it was when it was opened: what grows meanwhile is not followed. */
void copy_data(int from, int into, const struct stat *status, struct budget *budget);
/* Owner, mode, extended attributes and times; of a folder when all that it holds is there. */
void copy_metadata(int from, int into, const struct stat *status);

#endif
