/*
 * One relayed connection: two sockets and what came from one that the other had no room for yet. A side that is full is
 * not read for, so a slow reader slows the sender down, through both connections, as it would in one.
 */
#ifndef RELAY_STREAM_H
#define RELAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "messages.h"

enum { STREAM_BYTES = 65536 };
enum { INNER, OUTER }; /* the plugin's side and the world's */

struct side {
	int fd;
	uint8_t *waiting; /* room for STREAM_BYTES that are to be written here */
	size_t start, length;
	bool ended;       /* it will send no more, and all it sent was read */
	unsigned watched; /* events the epoll set has for it; 0: it is not in the set */
};

struct stream {
	struct side sides[2];
};

struct budget {
	struct traffic *traffic;
	uint64_t bytes_max; /* 0: not counted against */
};

enum stream_state { STREAM_OPEN, STREAM_DONE, STREAM_BROKEN, STREAM_OVER_BUDGET };

void stream_open(struct stream *stream, int inner, int outer, uint8_t *buffers);
/* Does what the events on one side allow. After anything but STREAM_OPEN only stream_close remains. */
enum stream_state stream_move(struct stream *stream, int side, unsigned events, const struct budget *budget);
/* What to wait for on a side. */
unsigned stream_wants(const struct stream *stream, int side);
/* Closes both; `reset` lets both ends see that it broke, as the end of one connection would. */
void stream_close(struct stream *stream, bool reset);
void stream_reset(int fd);

#endif
