/*
 * The run's log: what the plugin writes to its standard error, line by line with the time and the place in the stream,
 * and sentences of the launcher's own. It is bounded in size and in what it takes in a while, and the plugin never waits
 * for more than a write to a file.
 *
 *     2026-11-21T06:34:29.123Z 0 | a line of the plugin's
 *     2026-11-21T06:34:29.123Z 23 + a piece of one that goes on
 *     2026-11-21T06:34:30.001Z 4023 ! a sentence of the launcher's
 */
#ifndef LOG_H
#define LOG_H

#include <stddef.h>

#include "spec.h"

enum {
	LOG_PIECE_MAX = 4000,   /* bytes of a line; what is longer is cut into pieces */
	LOG_PAUSE_MS = 1000,    /* a line without an end is written after so long */
	LOG_WINDOW_MS = 10000,  /* in each, no more than `log-bytes` are written */
};

void log_open(const struct spec *spec);
/* What came from the plugin, as it is. */
void log_take(const char *bytes, size_t length);
/* A line marked as the launcher's own; one line, whatever it holds. */
void log_note(const char *sentence);
/* When a line without an end is due, CLOCK_MONOTONIC; 0 for never. */
int64_t log_deadline(void);
void log_look(int64_t at_ms);
void log_close(void);

#endif
