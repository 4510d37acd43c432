/*
 * A refusal: the sandbox could not be built as asked, so nothing runs. Every process of the launcher calls
 * `refuse` in the same way; where the sentence goes is the process's own affair (launcher: into the report,
 * after cleaning up; init and payload: up the status pipe).
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include "layers.h"

enum error {
	SPEC_INVALID,
	LAYER_UNAVAILABLE,
	ENTRY_NOT_FOUND,
	ENTRY_NOT_EXECUTABLE,
	LAUNCH_FAILED,
	PRELOAD_FAILED,
};

struct refusal {
	enum error error;
	enum layer layer; /* LAYER_NONE unless LAYER_UNAVAILABLE */
	int number;       /* errno at the failing call, for the probe */
	char reason[600]; /* one sentence, "cannot …" */
};

extern const char *const error_names[];

#define NORETURN __attribute__((noreturn))

typedef void refusal_sink(const struct refusal *refusal);

/* Decides where this process's refusals go; a forked child sets its own before anything can fail. */
void refusals_go_to(refusal_sink *sink);

/* Of one that came from another process, which may be anybody's: nothing in it leads out of our tables, or has no end. */
void refusal_bound(struct refusal *refusal);

/* The sink of a form that makes one small thing and no run: the sentence to stderr, then 125. */
void refusal_print(const struct refusal *refusal);

void NORETURN refuse(enum error error, enum layer layer, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The commonest refusal: a layer that this kernel or this caller cannot build. */
#define unavailable(layer, ...) refuse(LAYER_UNAVAILABLE, LAYER_##layer, __VA_ARGS__)
#define failed(...) refuse(LAUNCH_FAILED, LAYER_NONE, __VA_ARGS__)
#define invalid(...) refuse(SPEC_INVALID, LAYER_NONE, __VA_ARGS__)

#endif
