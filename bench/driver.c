/*
 * Times programs from their start to their end, so that nothing of Node is in what is measured.
 *
 *     driver ROUNDS WARMUP { FD3 COUNT ARGUMENT... }...
 *
 * The contenders run in turn. Each has nothing to read and writes to nowhere; FD3 is a file it finds open at
 * descriptor 3 (then with a place for its report at 4), or "-". A line per sample: contender, nanoseconds, and the
 * most memory it had resident, in KiB. A contender that fails is an end of all measuring.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { CONTENDERS_MAX = 64 };

struct contender {
	const char *fd3;
	char **argv;
};

extern char **environ;

static void fail(const char *what, const char *which, int error)
{
	fprintf(stderr, "driver: cannot %s %s: %s\n", what, which, strerror(error));
	exit(1);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void open_at(posix_spawn_file_actions_t *actions, int fd, const char *path, int flags)
{
	const int error = posix_spawn_file_actions_addopen(actions, fd, path, flags, 0);

	if (error != 0)
		fail("open", path, error);
}

static long long run(const struct contender *contender, long *memory)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	pid_t pid;
	int status;

	posix_spawn_file_actions_init(&actions);
	open_at(&actions, 0, "/dev/null", O_RDONLY);
	open_at(&actions, 1, "/dev/null", O_WRONLY);
	if (strcmp(contender->fd3, "-") != 0) {
		open_at(&actions, 3, contender->fd3, O_RDONLY);
		open_at(&actions, 4, "/dev/null", O_WRONLY);
	}
	const long long began = now();
	/* vfork underneath: the cheapest start there is. */
	const int error = posix_spawn(&pid, contender->argv[0], &actions, NULL, contender->argv, environ);
	if (error != 0)
		fail("start", contender->argv[0], error);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			fail("wait for", contender->argv[0], errno);
	const long long ended = now();
	posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "driver: cannot measure %s: it ended with status %#x\n", contender->argv[0], status);
		exit(1);
	}
	*memory = usage.ru_maxrss;
	return ended - began;
}

int main(int argc, char **argv)
{
	static struct contender contenders[CONTENDERS_MAX];
	int count = 0;

	if (argc < 5)
		fail("understand", "the arguments", EINVAL);
	const int rounds = atoi(argv[1]), warmup = atoi(argv[2]);
	/* Each argv needs a NULL at its end: it takes the place of the next contender's FD3, which is read before. */
	for (int at = 3; at < argc;) {
		const int arguments = at + 1 < argc ? atoi(argv[at + 1]) : 0;
		if (arguments < 1 || at + 1 + arguments >= argc || count == CONTENDERS_MAX)
			fail("understand", "the arguments", EINVAL);
		contenders[count++] = (struct contender){argv[at], &argv[at + 2]};
		argv[at] = NULL;
		at += 2 + arguments;
	}
	for (int round = -warmup; round < rounds; round++)
		for (int i = 0; i < count; i++) {
			const int which = (i + round + warmup) % count;
			long memory;
			const long long took = run(&contenders[which], &memory);
			if (round >= 0)
				printf("%d %lld %ld\n", which, took, memory);
		}
	return 0;
}
