#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "processor.h"
#include "refusal.h"
#include "text.h"

enum { PATIENCE_MS = 30000, STATUS_FD = 3, SAID_MAX = 4096 };

/* One call of the runtime. Descriptors of -1 are /dev/null, or (status) none. */
struct call {
	const struct spec *spec;
	const char *const *arguments;
	int stdio[3];
	int status;
	bool builds; /* does it make the container? */
};

static char stack[65536] __attribute__((aligned(64)));
static char said[SAID_MAX];

bool engine_wanted(const struct spec *spec)
{
	return spec->engine_create[0] != NULL;
}

static void NORETURN complain(const char *what)
{
	TEXT(text, 512);

	text_print(&text, "%s: %m\n", what);
	if (write(2, text.bytes, text.length) < 0)
		_exit(126);
	_exit(127);
}

/*
 * The container's own root has a host uid that owns nothing, and a home of mode 0700 is closed to it. So it finds the
 * plugin's root at a place that everybody may pass, in mounts that only this runtime and its container see.
 */
static void show_root(const struct spec *spec)
{
	if (!spec->engine_place)
		return;
	if (unshare(CLONE_NEWNS) < 0)
		complain("cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		complain("cannot make the mounts private");
	if (mount(spec->root, spec->engine_place, NULL, MS_BIND, NULL) < 0)
		complain("cannot show the plugin's root to the runtime");
	if (mount(NULL, spec->engine_place, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
		complain("cannot make the plugin's root read-only");
}

static void take_descriptor(int from, int to)
{
	if (from < 0)
		from = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (from < 0 || dup2(from, to) < 0 || fcntl(to, F_SETFD, 0) < 0)
		complain("cannot set a descriptor");
}

static int execute(void *argument)
{
	static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", NULL};
	const struct call *call = argument;
	sigset_t none;

	for (int fd = 0; fd < 3; fd++)
		take_descriptor(call->stdio[fd], fd);
	if (call->status >= 0)
		take_descriptor(call->status, STATUS_FD);
	if (close_range(call->status >= 0 ? STATUS_FD + 1 : STATUS_FD, ~0U, 0) < 0)
		complain("cannot close descriptors");
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		complain("cannot unblock signals");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		complain("cannot ask for the parent's death signal");
	if (call->builds)
		show_root(call->spec);
	processor_leave();
	execve(call->arguments[0], (char *const *)call->arguments, (char *const *)environment);
	complain(call->arguments[0]);
}

/* Shares memory until execve, as in payload.c; but not descriptors or signals. */
static pid_t begin(struct call *call)
{
	const pid_t pid = clone(execute, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, call);

	if (pid < 0)
		failed("cannot start %s: %m", call->arguments[0]);
	return pid;
}

/* The wait status of a call that must not take for ever; -1: it was killed for that. */
static int finish(pid_t pid)
{
	int status = 0;
	const int fd = pidfd_open(pid, 0);
	struct pollfd ended = {.fd = fd, .events = POLLIN};
	const bool late = fd >= 0 && poll(&ended, 1, PATIENCE_MS) == 0;

	if (late)
		kill(pid, SIGKILL);
	if (fd >= 0)
		close(fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return late ? -1 : status;
}

/* The last line of what the runtime said, without what could move a terminal's cursor. */
static const char *last_words(int from)
{
	const ssize_t got = read(from, said, sizeof said - 1);
	char *end = said + (got > 0 ? got : 0);
	char *last = said;

	while (end > said && end[-1] == '\n')
		end--;
	*end = '\0';
	for (char *at = said; at < end; at++) {
		if (*at == '\n')
			last = at + 1;
		else if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
	}
	return *last ? last : "it gave no reason";
}

static void must_end_well(struct call *call, const char *what, int errors)
{
	const int status = finish(begin(call));

	if (status == 0)
		return;
	if (status < 0)
		failed("cannot %s the container: %s did not end within %d s", what, call->arguments[0], PATIENCE_MS / 1000);
	failed("cannot %s the container: %s", what, last_words(errors));
}

static pid_t read_pid(const char *path)
{
	char bytes[16];
	pid_t pid = 0;
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		failed("cannot open %s: %m", path);
	const ssize_t got = read(fd, bytes, sizeof bytes);
	close(fd);
	for (ssize_t i = 0; i < got && bytes[i] >= '0' && bytes[i] <= '9' && pid < 100000000; i++)
		pid = pid * 10 + (bytes[i] - '0');
	if (pid < 2)
		failed("cannot read the container's pid from %s", path);
	return pid;
}

static void make_pipe(int *ours, int *theirs, bool we_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	*ours = ends[we_write];
	*theirs = ends[!we_write];
	if (fcntl(*ours, F_SETFL, O_NONBLOCK) < 0)
		failed("cannot make a pipe nonblocking: %m");
}

/*
 * `create` leaves a container whose pid 1 waits, and ends; as the nearest subreaper we inherit that process. From there on
 * it is to us what a cloned init is: a child with a wait status, a pidfd to signal, and a parent-death signal on us.
 */
void engine_start(struct run *run)
{
	const struct spec *spec = run->spec;
	struct call create = {.spec = spec, .arguments = spec->engine_create, .builds = true};
	struct call start = {.spec = spec, .arguments = spec->engine_start, .stdio = {-1, -1, -1}, .status = -1};

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		failed("cannot become a subreaper: %m");
	for (int fd = 0; fd < 3; fd++)
		make_pipe(&run->stdio[fd], &create.stdio[fd], fd == 0);
	make_pipe(&run->status, &create.status, false);
	must_end_well(&create, "make", run->stdio[2]);
	/* What waits there has the threads of a runtime; execve leaves one of them. */
	cgroup_limit_processes(spec);
	run->init = read_pid(spec->engine_pid_file);
	run->init_fd = pidfd_open(run->init, 0);
	if (run->init_fd < 0 || waitpid(run->init, NULL, WNOHANG) != 0)
		failed("cannot watch the container: %d is no child of ours", run->init);
	start.stdio[2] = create.stdio[2];
	close(create.stdio[0]);
	close(create.stdio[1]);
	close(create.status);
	must_end_well(&start, "start", run->stdio[2]);
	close(create.stdio[2]);
}

void engine_remove(const struct spec *spec)
{
	struct call call = {.spec = spec, .arguments = spec->engine_delete, .stdio = {-1, -1, -1}, .status = -1};

	if (!spec->engine_delete[0])
		return;
	const pid_t pid = clone(execute, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &call);
	if (pid > 0)
		finish(pid);
}
