#include "payload.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "clone.h"
#include "hold.h"
#include "init.h"
#include "kernel.h"
#include "mounts.h"
#include "parent.h"
#include "preload-letters.h"
#include "processor.h"
#include "refusal.h"
#include "rlimits.h"

/* Below every pid_max that a kernel starts with. */
enum { PARENT_PID = 32767 };

struct payload {
	const struct spec *spec;
	const int *stdio;
	int status, go;
	pid_t parent;
};

static char stack[65536] __attribute__((aligned(64)));

/* Whatever the caller ignored or blocked is no business of the plugin's. */
static void reset_signals(void)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int signal = 1; signal <= 64; signal++)
		if (signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33 &&
		    sigaction(signal, &standard, NULL) < 0)
			failed("cannot reset signal %d: %m", signal);
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
		failed("cannot unblock signals: %m");
}

static void take_stdio(const struct spec *spec, const int stdio[3], int status_fd)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(stdio[fd], fd) < 0)
			failed("cannot set descriptor %d: %m", fd);
	if (!wants(spec, LAYER_DESCRIPTORS))
		return;
	/* Everything is close-on-exec already; this is for what nobody thought of (CVE-2024-21626). The status pipe
	 * stays, to carry a refusal, and is close-on-exec as well. */
	const unsigned status = (unsigned)status_fd;
	unsigned first = 3;
	if (parent_listener() >= 0) {
		if (status == PRELOAD_LISTENER_FD || dup2(parent_listener(), PRELOAD_LISTENER_FD) < 0 ||
		    fcntl(PRELOAD_LISTENER_FD, F_SETFD, 0) < 0)
			failed("cannot set descriptor %d: %m", PRELOAD_LISTENER_FD);
		first++;
	}
	if ((status > first && close_range(first, status - 1, 0) < 0) || close_range(status + 1, ~0U, 0) < 0)
		unavailable(DESCRIPTORS, "cannot close inherited descriptors: %m");
}

static void enter_folder(const struct spec *spec)
{
	char where[4096];
	const bool inside = wants(spec, LAYER_MOUNT_NAMESPACE);

	if (chdir(inside ? spec->cwd : mounts_outside(spec, spec->cwd)) < 0)
		failed("cannot enter %s: %m", spec->cwd);
	/* The kernel answers "(unreachable)…" when the folder lies outside the root (CVE-2016-9962). */
	if (syscall(SYS_getcwd, where, sizeof where) < 0 || where[0] != '/')
		failed("cannot enter %s: it is outside the root", spec->cwd);
}

static void NORETURN execute(const struct spec *spec, const char *const *arguments)
{
	const char *path = wants(spec, LAYER_MOUNT_NAMESPACE) ? spec->exec : mounts_outside(spec, spec->exec);

	execve(path, (char *const *)(uintptr_t)arguments, (char *const *)spec->environment);
	switch (errno) {
	case ENOENT:
	case ENOTDIR: refuse(ENTRY_NOT_FOUND, LAYER_NONE, "cannot execute %s: %m (it, or its interpreter)", spec->exec);
	case EACCES:
	case EPERM:
	case ENOEXEC:
	case ELIBBAD: refuse(ENTRY_NOT_EXECUTABLE, LAYER_NONE, "cannot execute %s: %m", spec->exec);
	default: failed("cannot execute %s: %m", spec->exec);
	}
}

void payload_settle(const struct spec *spec, const int stdio[3], int status, pid_t parent)
{
	/* Own session: no controlling terminal, and kill(0) cannot reach the launcher's group. */
	if (wants(spec, LAYER_SESSION) && setsid() < 0)
		unavailable(SESSION, "cannot begin a new session: %m");
	take_stdio(spec, stdio, status);
	/*
	 * bind(2) makes a socket by the umask. A caller whose ids are not the plugin's may connect to it only if all may, and
	 * nobody else sees the plugin's folders.
	 */
	umask(spec->unix_sockets && spec->helper ? 0 : 077);
	enter_folder(spec);
	reset_signals();
	if (wants(spec, LAYER_PARENT_DEATH)) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
			unavailable(PARENT_DEATH, "cannot ask for the parent's death signal: %m");
		if (getppid() != parent)
			failed("cannot start: the sandbox is ending");
	}
	rlimits_set(spec);
}

/* Before it lets go of anything that it is told by. */
static const char *const *hold(const struct payload *payload)
{
	static struct hold_words words;
	const struct message message = {.kind = MESSAGE_HELD};

	if (write(payload->status, &message, sizeof message) != (ssize_t)sizeof message || !hold_await(payload->go, &words))
		_exit(125);
	return hold_arguments(payload->spec, &words);
}

static int run(void *argument)
{
	struct payload *payload = argument;
	const char *const *arguments = payload->spec->arguments;

	if (payload->spec->held) {
		processor_leave();
		arguments = hold(payload);
	}
	payload_settle(payload->spec, payload->stdio, payload->status, payload->parent);
	processor_leave();
	execute(payload->spec, arguments);
}

/*
 * Libraries tell by getpid() that they were forked, and draw new random numbers then: OpenSSL and libgcrypt among them. Pid
 * namespaces begin anew, so a parent that was number 2 would have copies that are number 2. It has a number that no process
 * of a run comes to.
 */
static pid_t start_parent(struct payload *payload)
{
	const pid_t number = PARENT_PID;
	const struct clone_args arguments = {
		.flags = CLONE_VM | CLONE_VFORK,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = sizeof stack,
		.set_tid = (uint64_t)(uintptr_t)&number,
		.set_tid_size = 1,
	};
	const long pid = clone_to(&arguments, sizeof arguments, run, payload);

	if (pid >= 0)
		return (pid_t)pid;
	errno = (int)-pid;
	return -1;
}

/*
 * Shares memory with init until execve, as vfork does: nothing is copied, and init learns by the return of this
 * very call whether the program runs. Both have lost every privilege already, and init's memory cannot be
 * inspected (undumpable), so nothing is shared that the other should not have.
 */
pid_t payload_start(const struct spec *spec, const int stdio[3], int status, int go)
{
	struct payload payload = {.spec = spec, .stdio = stdio, .status = status, .go = go, .parent = getpid()};
	const pid_t pid = spec->parent ? start_parent(&payload)
				       : clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &payload);

	if (pid < 0)
		refuse(errno == EAGAIN ? LAYER_UNAVAILABLE : LAUNCH_FAILED, errno == EAGAIN ? LAYER_PROCESSES : LAYER_NONE,
		       "cannot start a process: %m");
	return pid;
}
