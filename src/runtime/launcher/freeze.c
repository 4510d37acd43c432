/*
 * What is frozen stays so until somebody thaws it, and everybody who writes to it hangs meanwhile. So a second process does
 * nothing but wait for the first one's end, by a pipe that no signal closes early, and thaws.
 */
#include "freeze.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"
#include "refusal.h"

static int frozen = -1, guard_pipe = -1;
static pid_t guard;

static void NORETURN wait_and_thaw(int fd, int pipe)
{
	sigset_t all;
	char byte;

	memset(&all, 0xff, sizeof all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		_exit(1);
	while (read(pipe, &byte, 1) < 0)
		if (errno != EINTR)
			break;
	_exit(ioctl(fd, FITHAW, NULL) < 0 && errno != EINVAL);
}

void freeze(const char *mount, dev_t holds)
{
	struct clone_args arguments = {.exit_signal = SIGCHLD};
	struct stat status;
	int ends[2];

	frozen = open(mount, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (frozen < 0 || fstat(frozen, &status) < 0)
		failed("cannot open the folder %s: %m", mount);
	/* Not mounted any more, it would be the file system of the host that stands still. */
	if (status.st_dev == holds)
		failed("cannot freeze %s: nothing is mounted there", mount);
	if (pipe2(ends, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	guard = (pid_t)kernel_clone3(&arguments);
	if (guard < 0)
		failed("cannot start a second process: %m");
	if (guard == 0) {
		close(ends[1]);
		wait_and_thaw(frozen, ends[0]);
	}
	close(ends[0]);
	guard_pipe = ends[1];
	if (ioctl(frozen, FIFREEZE, NULL) < 0) {
		const int number = errno;

		/* Whoever has frozen it before us thaws it. */
		kill(guard, SIGKILL);
		errno = number;
		failed("cannot freeze %s: %m", mount);
	}
}

void thaw(void)
{
	int status = 0;

	if (guard_pipe < 0)
		return;
	close(guard_pipe);
	guard_pipe = -1;
	while (waitpid(guard, &status, 0) < 0)
		if (errno != EINTR)
			failed("cannot wait for the thaw: %m");
	if (status != 0)
		failed("cannot thaw what was frozen");
}

/* Both of the two may have been killed in one moment, and the file system does not know whose it was. */
int thaw_mount(const char *mount)
{
	struct stat status, above;

	refusals_go_to(refusal_print);
	const int fd = open(mount, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0 || fstatat(fd, "..", &above, AT_SYMLINK_NOFOLLOW) < 0)
		failed("cannot open the folder %s: %m", mount);
	/* Not mounted any more, it would be the file system of the host that is let go. */
	if (status.st_dev == above.st_dev)
		return 0;
	/* EINVAL: it is not frozen. */
	if (ioctl(fd, FITHAW, NULL) < 0 && errno != EINVAL)
		failed("cannot thaw %s: %m", mount);
	return 0;
}
