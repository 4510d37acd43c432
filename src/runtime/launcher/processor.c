#include "processor.h"

#include <stdbool.h>

#include "kernel.h"

enum { WORD_BITS = 8 * sizeof(unsigned long), WORDS = 16 }; /* 1,024 processors; with more nothing is done */

static unsigned long allowed[WORDS]; /* as we were started */
static unsigned here;
static volatile bool known;

static bool set_processors(pid_t pid, const unsigned long processors[WORDS])
{
	return syscall(SYS_sched_setaffinity, pid, WORDS * sizeof processors[0], processors) == 0;
}

void processor_stay(void)
{
	unsigned long one[WORDS] = {0};

	if (syscall(SYS_getcpu, &here, NULL, NULL) < 0 || here >= WORDS * WORD_BITS ||
	    syscall(SYS_sched_getaffinity, 0, sizeof allowed, allowed) < 0)
		return;
	one[here / WORD_BITS] = 1UL << (here % WORD_BITS);
	known = set_processors(0, one);
}

void processor_leave(void)
{
	if (known)
		known = set_processors(0, allowed);
}

void processor_send_away(pid_t pid)
{
	unsigned long others[WORDS];

	if (!known)
		return;
	for (int i = 0; i < WORDS; i++)
		others[i] = allowed[i];
	others[here / WORD_BITS] &= ~(1UL << (here % WORD_BITS));
	/* Fails where this is the only one: then it waits its turn. */
	if (!set_processors(pid, others))
		return;
}
