/*
 * What a run's host should learn while it goes on: decisions of the network relay, limits that are near, calls that were
 * refused. One JSON object a line, in the run's journal file and, of library runs, on fd 4 as well.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "spec.h"
#include "text.h"

enum {
	JOURNAL_LINE_MAX = 1024,   /* bytes of one line, its end included */
	JOURNAL_LINES_MAX = 4096,  /* of one run: a plugin can make as many denials as it likes */
};

/* `fd` is the report's stream, or -1. The file is made when the first line is written: most runs have none. */
void journal_open(const struct spec *spec, int fd);
/* Begins a line: {"event":"<event>","atMs":…  The caller adds `,"key":value` and hands it to journal_end. */
void journal_begin(struct text *line, const char *event);
/* Closes the object and writes it. Never fails: who watches a run must not be able to end it by a full disk. */
void journal_end(struct text *line);

#endif
