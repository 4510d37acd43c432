#include "filtered.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "kernel.h"
#include "refusal.h"

static const char nothing[] = "";
#define NOTHING ((long)(intptr_t)nothing)
#define NOWHERE (-1L)

/* The calls of the launcher that profiles are known to withhold. */
static const struct { const char *name; long number, a, b, c, d, e; } calls[] = {
	/* A new user namespace cannot share the file system context: refused before any right is asked for. */
	{"clone", SYS_clone, CLONE_NEWUSER | CLONE_FS, 0, 0, 0, 0},
	{"clone3", SYS_clone3, 0, 0, 0, 0, 0},
	{"unshare", SYS_unshare, CLONE_NEWUSER | 1, 0, 0, 0, 0},
	{"setns", SYS_setns, NOWHERE, 0, 0, 0, 0},
	{"mount", SYS_mount, 0, 0, 0, 0, 0},
	{"umount2", SYS_umount2, 0, NOWHERE, 0, 0, 0},
	{"open_tree", SYS_open_tree, NOWHERE, NOTHING, AT_EMPTY_PATH, 0, 0},
	{"mount_setattr", SYS_mount_setattr, NOWHERE, NOTHING, NOWHERE, 0, 0},
	{"fsconfig", SYS_fsconfig, NOWHERE, NOWHERE, 0, 0, 0},
	{"openat2", SYS_openat2, NOWHERE, NOTHING, 0, 0, 0},
	{"close_range", SYS_close_range, 1, 0, 0, 0, 0},
	{"pidfd_open", SYS_pidfd_open, NOWHERE, 0, 0, 0, 0},
	{"pidfd_send_signal", SYS_pidfd_send_signal, NOWHERE, 0, 0, 0, 0},
	{"keyctl", SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NOWHERE, 0, 0, 0},
	{"seccomp", SYS_seccomp, NOWHERE, 0, 0, 0, 0},
	{"landlock_create_ruleset", SYS_landlock_create_ruleset, 0, 0, LANDLOCK_VERSION, 0, 0},
	/* From here on rights come first, so these are asked where we have them: in a namespace of our own. */
	{"pivot_root", SYS_pivot_root, 0, 0, 0, 0, 0},
	{"fsopen", SYS_fsopen, 0, NOWHERE, 0, 0, 0},
	{"fsmount", SYS_fsmount, NOWHERE, NOWHERE, 0, 0, 0},
	{"move_mount", SYS_move_mount, NOWHERE, NOTHING, NOWHERE, NOTHING, NOWHERE},
	{"sethostname", SYS_sethostname, NOTHING, NOWHERE, 0, 0, 0},
	{"setdomainname", SYS_setdomainname, NOTHING, NOWHERE, 0, 0, 0},
};
enum { CALL_COUNT = sizeof calls / sizeof calls[0], FIRST_WITH_RIGHTS = 16 };

/* One byte a call: was it refused? A filter may kill for a call, so each answer leaves before the next is asked for. */
static void NORETURN try_calls(int answers, int from, int to)
{
	for (int i = from; i < to; i++) {
		const long result = syscall(calls[i].number, calls[i].a, calls[i].b, calls[i].c, calls[i].d, calls[i].e);
		const char refused = result < 0 && (errno == EPERM || errno == ENOSYS);
		if (write(answers, &refused, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

/* Asks in a child and marks what was refused; a child that cannot be had has nothing to say. */
static void ask(uint64_t namespaces, int from, int to, bool refused[])
{
	struct clone_args arguments = {.flags = namespaces, .exit_signal = SIGCHLD};
	char answers[CALL_COUNT];
	int ends[2], status = 0, got = 0;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	long pid = kernel_clone3(&arguments);
	if (pid < 0 && errno == ENOSYS) /* a profile may take clone3 away and leave clone */
		pid = syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		try_calls(ends[1], from, to);
	close(ends[1]);
	for (ssize_t more = 1; pid > 0 && more > 0 && got < to - from; got += (int)more) {
		more = read(ends[0], answers + got, (size_t)(to - from - got));
		if (more < 0)
			break;
	}
	close(ends[0]);
	while (pid > 0 && waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR)
		continue;
	for (int i = 0; i < got; i++)
		refused[from + i] = answers[i] != 0;
	if (WIFSIGNALED(status) && from + got < to)
		refused[from + got] = true; /* the one it died of */
}

void filtered_print(struct text *line)
{
	bool refused[CALL_COUNT] = {false};
	bool first = true;

	ask(0, 0, FIRST_WITH_RIGHTS, refused);
	ask(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS, FIRST_WITH_RIGHTS, CALL_COUNT, refused);
	text_add(line, "[");
	for (int i = 0; i < CALL_COUNT; i++)
		if (refused[i]) {
			text_add(line, first ? "" : ",");
			text_json(line, calls[i].name);
			first = false;
		}
	text_add(line, "]");
}
