/*
 * A pump carries bytes from one descriptor to another, so that the plugin holds pipes of ours and never the
 * caller's terminal, file or socket. It holds one buffer and does not read while that is full: a slow reader slows
 * the plugin down, as it would without us.
 */
#ifndef PUMP_H
#define PUMP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PUMP_BYTES = 65536 };

struct pump {
	int from; /* -1: nothing more will come */
	int to;   /* -1: nobody reads any more */
	enum { UNKNOWN, OWN, SHARED, SOCKET } caller; /* how the caller's end can be used without waiting */
	bool inward;            /* `from` is the caller's end: its standard input */
	size_t start, length;   /* what of the buffer is still to be written */
	char *bytes;
	uint64_t *budget; /* bytes that may still pass, shared by the pumps that count together; NULL: no limit */
	uint64_t passed; /* bytes read that the budget allowed */
	bool last;        /* nobody writes to `from` any more: when it is empty, it is at its end */
	void (*also)(const char *bytes, size_t length); /* is shown what passed; NULL: nobody */
	bool overflowed;  /* more came than the budget had; the surplus was dropped */
};

void pump_open(struct pump *pump, int from, int to, char *bytes, uint64_t *budget);
/* What to wait for; fd is -1 when there is nothing. */
struct pollfd pump_wants(const struct pump *pump);
/* Moves what can be moved without waiting. Returns whether anything moved. */
bool pump_move(struct pump *pump);
bool pump_is_done(const struct pump *pump);

#endif
