/*
 * The parent has made the namespaces and mapped the ids, and knows nothing of the run. All the rest is told by the run's own
 * launcher, over the socket that it called the parent by.
 */
#include "first.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "init.h"
#include "kernel.h"
#include "mounts.h"
#include "preload-letters.h"
#include "relay/channel.h"
#include "spec.h"
#include "title.h"

enum { WORK_MAX = WORK_TREES + MOUNTS_MAX + V1_COUNT };

static struct spec spec;
static int work[WORK_MAX];
static unsigned hierarchies;

/* Exactly what was announced, in its order: less, more or else is a launcher that died, or none. */
static void take_work(void)
{
	struct preload_work letter;
	uint32_t have = 0;

	do {
		size_t count = CHANNEL_DESCRIPTORS_MAX;
		int descriptors[CHANNEL_DESCRIPTORS_MAX];
		const ssize_t got = channel_receive(FIRST_LAUNCHER_FD, &letter, sizeof letter, descriptors, &count, 0);
		if (got != (ssize_t)sizeof letter || letter.from != have || letter.total > WORK_MAX ||
		    letter.total <= WORK_TREES || count == 0 || count > letter.total - have)
			_exit(125);
		for (size_t i = 0; i < count; i++)
			work[have++] = descriptors[i];
	} while (have < letter.total);
	hierarchies = letter.hierarchies;
	init_reports_to(work[WORK_STATUS]);
	spec_read(&spec, work[WORK_SPEC], false);
	spec.apart = true;
	int *places[MOUNTS_MAX];
	const size_t trees = mounts_places(&spec, places);
	for (size_t i = 0; i < trees; i++)
		*places[i] = work[WORK_TREES + i];
	if (have != WORK_TREES + trees + cgroup_take(hierarchies, work + WORK_TREES + trees))
		failed("cannot start: %u descriptors came", have);
	mounts_take_over(&spec);
}

static void invite(void)
{
	const struct preload_invitation letter = {.hierarchies = hierarchies};
	int descriptors[WORK_STATUS + V1_COUNT];
	size_t tasks;

	for (int i = WORK_SPEC; i < WORK_STATUS; i++)
		descriptors[i] = work[i];
	cgroup_give(descriptors + WORK_STATUS, &tasks);
	/* One description for both, which has been read to its end here. */
	if (syscall(SYS_lseek, work[WORK_SPEC], 0L, 0L) < 0)
		failed("cannot pass the specification on: %m");
	if (channel_send(FIRST_PROGRAM_FD, &letter, sizeof letter, descriptors, WORK_STATUS + tasks, 0) < 0)
		failed("cannot ask the program in: %m");
}

void first(void)
{
	if (fcntl(FIRST_LAUNCHER_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(FIRST_PROGRAM_FD, F_SETFD, FD_CLOEXEC) < 0)
		_exit(125);
	umask(0);
	take_work();
	title_set(spec.name);
	const struct init init = {.spec = &spec,
				  .stdio = {-1, -1, -1},
				  .status = work[WORK_STATUS],
				  .door = -1,
				  .payload = FIRST_PROGRAM_FD,
				  .go = work[WORK_GO]};
	/* Kept until the launcher lets the sandbox go would be kept for ever: the parent must see its end, and not ours. */
	close(FIRST_LAUNCHER_FD);
	init_first(&init, invite);
}
