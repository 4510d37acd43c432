#include "join.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "../cgroup.h"
#include "../ids.h"
#include "../init.h"
#include "../kernel.h"
#include "../payload.h"
#include "../preload-letters.h"
#include "../relay/channel.h"
#include "../spec.h"

enum { FIRST_FD = 3, INVITATIONS_FD = 4, RESERVED = 16, ADOPTED_MS = 2000 };

/* In pages of its own, to be let go of as a whole. */
static union {
	struct spec spec;
	char pages[(sizeof(struct spec) + 4095) / 4096 * 4096];
} own __attribute__((aligned(4096)));

static bool held;

/* Of the parent's descriptors these two, and its standard ones until the run's own take their place. */
static void keep_only(int first, int invitations)
{
	const int one = fcntl(first, F_DUPFD, RESERVED), other = fcntl(invitations, F_DUPFD, RESERVED);

	if (one < 0 || other < 0 || dup3(one, FIRST_FD, O_CLOEXEC) < 0 || dup3(other, INVITATIONS_FD, O_CLOEXEC) < 0 ||
	    close_range(INVITATIONS_FD + 1, ~0U, 0) < 0)
		_exit(125);
}

static void take_invitation(struct spec *spec, int stdio[3])
{
	struct preload_invitation letter;
	int descriptors[WORK_STATUS + V1_COUNT];
	size_t count = WORK_STATUS + V1_COUNT;
	const ssize_t got = channel_receive(INVITATIONS_FD, &letter, sizeof letter, descriptors, &count, 0);

	/* None comes when pid 1 has refused, or is dead, and this process is about to be. */
	if (got != (ssize_t)sizeof letter || count < WORK_STATUS)
		_exit(125);
	init_reports_to(INVITATIONS_FD);
	if (count != WORK_STATUS + cgroup_take(letter.hierarchies, descriptors + WORK_STATUS))
		failed("cannot start: %u descriptors came", (unsigned)count);
	spec_read(spec, descriptors[WORK_SPEC], false);
	for (int i = 0; i < 3; i++)
		stdio[i] = descriptors[WORK_STDIN + i];
}

/* The process between the parent and this one ends at once, and whose parent dies is given to pid 1. */
static void await_adoption(void)
{
	const struct timespec pause = {.tv_nsec = 100000};

	for (int tries = 0; getppid() == TRANSIENT_PID && tries < ADOPTED_MS * 10; tries++)
		nanosleep(&pause, NULL);
}

const struct words *join(int first, int invitations)
{
	struct spec *spec = &own.spec;
	const struct init init = {.spec = spec, .door = -1};
	int stdio[3];

	keep_only(first, invitations);
	take_invitation(spec, stdio);
	cgroup_join();
	/* One network it has in common with pid 1 already: both were made in it. */
	if (setns(FIRST_FD, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		unavailable(USER_NAMESPACE, "cannot enter the sandbox: %m");
	ids_become(spec);
	init_own_keyring(spec);
	const struct words *words = words_take(spec); /* the filter forbids it */
	init_surrender(&init);
	await_adoption();
	payload_settle(spec, stdio, INVITATIONS_FD, 1);
	held = spec->held;
	/* As execve would have left it; only now is there nothing to see that the program may not. */
	spec_forget();
	if (madvise(&own, sizeof own, MADV_DONTNEED) < 0)
		failed("cannot forget the specification: %m");
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		failed("cannot become dumpable: %m");
	return words;
}

static void tell_first(int kind)
{
	const struct message message = {.kind = kind, .status = getpid()};

	if (write(INVITATIONS_FD, &message, sizeof message) != (ssize_t)sizeof message)
		_exit(125);
}

bool join_is_held(void)
{
	return held;
}

const struct hold_words *join_wait(void)
{
	static struct hold_words words;

	if (held) {
		tell_first(MESSAGE_HELD);
		/* One message, as the socket keeps it; none: whoever held it is gone. */
		const ssize_t got = read(INVITATIONS_FD, &words, sizeof words);
		if (got < (ssize_t)offsetof(struct hold_words, bytes) || (size_t)got != hold_size(&words))
			_exit(125);
	}
	tell_first(MESSAGE_STARTED);
	close(INVITATIONS_FD);
	return &words;
}
