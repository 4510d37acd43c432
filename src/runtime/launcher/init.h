/*
 * The sandbox's pid 1: it builds the sandbox from inside, gives up every right, starts the payload, reaps, passes
 * signals on, and tells the launcher what became of the payload. When it exits, the kernel kills the rest.
 */
#ifndef INIT_H
#define INIT_H

#include "refusal.h"
#include "spec.h"

/* What became of a file system's room; -1 bytes where it has no size of its own. */
struct room {
	int64_t used_bytes;
	bool full;
};

/* What init writes on the status pipe: whole messages, each smaller than PIPE_BUF and so never torn. */
struct message {
	enum { MESSAGE_REFUSED, MESSAGE_STARTED, MESSAGE_ENDED, MESSAGE_HELD } kind;
	int status;             /* MESSAGE_ENDED: as wait4 gives it; MESSAGE_STARTED of a program apart: its pid */
	struct room tmp, data;  /* MESSAGE_ENDED */
	struct refusal refusal; /* MESSAGE_REFUSED */
};

struct init {
	const struct spec *spec;
	int stdio[3]; /* the payload's ends */
	int status;   /* the writing end of the status pipe */
	int door;     /* where the launcher gets what the filter asks; -1 */
	int payload;  /* only apart: where the program's process says that it has confined itself */
	int go;       /* a byte here says that the ids are mapped; its end, that the launcher is dead. Then what a held run waits for */
};

void NORETURN init_main(const struct init *init);
/* The second half alone, for a process that an OCI runtime has put into its namespaces (inside.c). */
void NORETURN init_inside(const struct init *init);
/*
 * The same for a pid 1 whose program comes out of a preloaded parent (first.c): `invite` asks it in, when there is something
 * to come in to and while that is still allowed.
 */
void NORETURN init_first(const struct init *init, void (*invite)(void));
/* Two of the steps, for that program itself: a session keyring of its own; and the end of every right. */
void init_own_keyring(const struct spec *spec);
void init_surrender(const struct init *init);
/* Where messages and refusals go, from now on. */
void init_reports_to(int status);

#endif
