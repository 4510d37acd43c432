#include "payload.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "kernel.h"
#include "mounts.h"
#include "processor.h"
#include "refusal.h"
#include "rlimits.h"

struct payload {
	const struct spec *spec;
	const int *stdio;
	int status;
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

static void take_stdio(const struct payload *payload)
{
	for (int fd = 0; fd < 3; fd++)
		if (dup2(payload->stdio[fd], fd) < 0)
			failed("cannot set descriptor %d: %m", fd);
	if (!wants(payload->spec, LAYER_DESCRIPTORS))
		return;
	/* Everything is close-on-exec already; this is for what nobody thought of (CVE-2024-21626). The status pipe
	 * stays, to carry a refusal, and is close-on-exec as well. */
	const unsigned status = (unsigned)payload->status;
	if ((status > 3 && close_range(3, status - 1, 0) < 0) || close_range(status + 1, ~0U, 0) < 0)
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

static void NORETURN execute(const struct spec *spec)
{
	const char *path = wants(spec, LAYER_MOUNT_NAMESPACE) ? spec->exec : mounts_outside(spec, spec->exec);

	execve(path, (char *const *)spec->arguments, (char *const *)spec->environment);
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

static int run(void *argument)
{
	struct payload *payload = argument;
	const struct spec *spec = payload->spec;

	/* Own session: no controlling terminal, and kill(0) cannot reach the launcher's group. */
	if (wants(spec, LAYER_SESSION) && setsid() < 0)
		unavailable(SESSION, "cannot begin a new session: %m");
	take_stdio(payload);
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
		if (getppid() != payload->parent)
			failed("cannot start: the sandbox is ending");
	}
	rlimits_set(spec);
	processor_leave();
	execute(spec);
}

/*
 * Shares memory with init until execve, as vfork does: nothing is copied, and init learns by the return of this
 * very call whether the program runs. Both have lost every privilege already, and init's memory cannot be
 * inspected (undumpable), so nothing is shared that the other should not have.
 */
pid_t payload_start(const struct spec *spec, const int stdio[3], int status)
{
	struct payload payload = {.spec = spec, .stdio = stdio, .status = status, .parent = getpid()};
	const pid_t pid = clone(run, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &payload);

	if (pid < 0)
		refuse(errno == EAGAIN ? LAYER_UNAVAILABLE : LAUNCH_FAILED, errno == EAGAIN ? LAYER_PROCESSES : LAYER_NONE,
		       "cannot start a process: %m");
	return pid;
}
