/*
 * What a run uses while it goes on: looked at every `sample-ms`, kept as averages and peaks of a minute, and told in the
 * journal when it comes near a limit. A run shorter than the first sample costs nothing.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "spec.h"

/* What the launcher itself has counted so far; -1 where it counts nothing. */
struct sample_counts {
	int64_t output_bytes;
	int64_t network_bytes; /* through the relay, both ways */
};

void sample_open(const struct spec *spec, int64_t began_ms);
/* When the next one is due, CLOCK_MONOTONIC; 0 for never. */
int64_t sample_deadline(void);
void sample_take(int init, int64_t now_ms, struct sample_counts counts);
/* Writes the minute that has begun. */
void sample_close(void);
/* The largest number of descriptors that one process was seen with; -1 without a sample. */
int64_t sample_files_peak(void);

#endif
