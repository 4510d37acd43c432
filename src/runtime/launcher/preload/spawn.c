/*
 * Two processes are made, each by a helper that shares this one's memory and holds it up (CLONE_VM, CLONE_VFORK). The first
 * helper becomes pid 1 by executing the launcher itself, so that no copy of the interpreter stands in its place. The second
 * is made inside the new pid namespace, forks there, and ends: so the copy is a child of pid 1, has the cgroup from its
 * first page on, and is the only copy of this process's memory. The fork is the C library's, whose thread must know its
 * own number, and which has the handlers of all libraries to call.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../clone.h"
#include "../ids.h"
#include "../kernel.h"
#include "../namespaces.h"
#include "../preload-letters.h"
#include "../text.h"
#include "join.h"

enum { STACK_BYTES = 256 * 1024, RESERVED = 16 };

pid_t fork(void); /* the C library's */

static char stack[STACK_BYTES] __attribute__((aligned(4096)));
static char reason[256];
static int proc = -1;     /* a writable /proc that is mounted nowhere: for the maps of new user namespaces */
static int own_pids = -1; /* this process's pid namespace */

struct job {
	int launcher, program; /* sockets of pid 1 */
	int first, invitations; /* of the copy */
	void (*copy)(int first, int invitations);
};

static struct job current;

static const char *cannot(const char *what)
{
	struct text text = {reason, 0, sizeof reason};

	text_print(&text, "cannot %s: %m", what);
	return reason;
}

static const char *mount_proc(void)
{
	const int context = fsopen("proc", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0 ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return cannot("make a /proc of its own");
	proc = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	close(context);
	return proc < 0 ? cannot("mount a /proc of its own") : NULL;
}

const char *spawn_prepare(void)
{
	const char *fault = mount_proc();

	if (fault)
		return fault;
	own_pids = openat(proc, "self/ns/pid", O_RDONLY | O_CLOEXEC);
	if (own_pids < 0)
		return cannot("open its pid namespace");
	return spawn_ready_network();
}

const char *spawn_ready_network(void)
{
	if (unshare(CLONE_NEWNET) < 0)
		return cannot("make a network namespace");
	return namespaces_raise_loopback() ? NULL : cannot("raise the loopback interface");
}

int spawn_network(void)
{
	return openat(proc, "self/ns/net", O_RDONLY | O_CLOEXEC);
}

static bool write_proc(const char *file, const char *content)
{
	const int fd = openat(proc, file, O_WRONLY | O_CLOEXEC);
	const bool written = fd >= 0 && write(fd, content, strlen(content)) > 0;

	if (fd >= 0)
		close(fd);
	return written;
}

static bool keep_two(int one, int other)
{
	one = fcntl(one, F_DUPFD, RESERVED);
	other = fcntl(other, F_DUPFD, RESERVED);
	return one >= 0 && other >= 0 && dup2(one, FIRST_LAUNCHER_FD) >= 0 && dup2(other, FIRST_PROGRAM_FD) >= 0 &&
	       close_range(FIRST_PROGRAM_FD + 1, ~0U, 0) == 0;
}

/* One id, as anybody may map the own one; and what mounts takes rights that must outlive execve. */
static int become_first(void *argument)
{
	static const char *const arguments[] = {"bulkhead-launch", "--first", NULL};
	static const char *const environment[] = {NULL};
	const struct job *job = argument;

	if (!write_proc("self/setgroups", "deny") || !write_proc("self/gid_map", "1000 1000 1") ||
	    !write_proc("self/uid_map", "1000 1000 1")) {
		cannot("map the id of a sandbox");
		return 1;
	}
	ids_keep_capabilities();
	if (!keep_two(job->launcher, job->program)) {
		cannot("keep two descriptors");
		return 1;
	}
	execve(PRELOAD_LAUNCHER, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
	cannot("execute the launcher");
	return 1;
}

static int fork_copy(void *argument)
{
	const struct job *job = argument;
	const pid_t pid = fork();

	if (pid == 0)
		job->copy(job->first, job->invitations);
	if (pid < 0)
		cannot("copy the parent");
	return pid < 0;
}

static long make(uint64_t flags, int leaf, int *pidfd, const pid_t *as, int (*function)(void *), struct job *job)
{
	struct clone_args arguments = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP | flags,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = sizeof stack,
		.cgroup = (uint64_t)leaf,
		.set_tid = (uint64_t)(uintptr_t)as,
		.set_tid_size = as != NULL,
	};
	const long pid = clone_to(&arguments, sizeof arguments, function, job);

	if (pid < 0) {
		errno = (int)-pid;
		cannot("make a process of the sandbox");
	}
	return pid;
}

/* The files of an undumpable process in /proc are root's, who is nobody here. Only the helper may find its own. */
static long make_first(int leaf, struct job *job, struct spawned *spawned)
{
	const uint64_t namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	const long pid = make(namespaces | CLONE_PIDFD, leaf, &spawned->first_fd, NULL, become_first, job);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return pid;
}

static void make_copy(int leaf, struct job *job)
{
	static const pid_t transient = TRANSIENT_PID; /* so that the copy is pid 2, as any program of a sandbox */
	int status = 0;
	long pid;

	if (setns(job->first, CLONE_NEWPID) < 0) {
		cannot("enter the pid namespace of the sandbox");
		return;
	}
	pid = make(0, leaf, NULL, &transient, fork_copy, job);
	if (setns(own_pids, CLONE_NEWPID) < 0)
		_exit(125); /* what it makes from now on would be somebody's */
	while (pid > 0 && waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (pid > 0 && status != 0 && reason[0] == '\0')
		cannot("copy the parent");
}

const char *spawn_first(int launcher, int leaf, struct spawned *spawned)
{
	int ends[2];

	reason[0] = '\0';
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return cannot("make a pair of sockets");
	current = (struct job){.launcher = launcher, .program = ends[0], .invitations = ends[1]};
	spawned->first = (pid_t)make_first(leaf, &current, spawned);
	close(ends[0]);
	/* A helper shares this memory: what it could not do is written here. */
	if (spawned->first > 0 && reason[0] == '\0') {
		current.first = spawned->first_fd;
		return NULL;
	}
	close(ends[1]);
	if (spawned->first > 0) {
		kill(spawned->first, SIGKILL);
		while (waitpid(spawned->first, NULL, 0) < 0 && errno == EINTR)
			continue;
		close(spawned->first_fd);
	}
	return reason;
}

const char *spawn_copy(int leaf, void (*copy)(int first, int invitations))
{
	current.copy = copy;
	make_copy(leaf, &current);
	close(current.invitations);
	close(current.first);
	return reason[0] == '\0' ? NULL : reason;
}

void spawn_forget(void)
{
	/* Not written over: most of it was never used, and each page would be made for that. */
	if (madvise(stack, sizeof stack, MADV_DONTNEED) < 0)
		_exit(125);
	memset(reason, 0, sizeof reason);
}
