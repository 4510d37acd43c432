#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cgroup.h"
#include "figures.h"
#include "kernel.h"
#include "mounts.h"
#include "network.h"
#include "preload-letters.h"
#include "refusal.h"
#include "relay/channel.h"
#include "text.h"

/* A parent needs a few milliseconds for all that is asked of it here. One that was stopped, or hangs, needs for ever. */
enum { PATIENCE_MS = 5000, BEGIN_MS = 10000, REAP_MS = 2000, WORK_MAX = WORK_TREES + MOUNTS_MAX + V1_COUNT };

#define silent(...) refuse(PRELOAD_FAILED, LAYER_NONE, __VA_ARGS__)

static int parent = -1; /* the connection to it, and to the pid 1 it makes */

/* Only root may be asked, and by root alone: the folder is closed to everybody else. */
static void enter_parents_folder(const char *path)
{
	struct stat status;
	const int fd = kernel_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, OPEN_NO_SYMLINKS | OPEN_NO_MAGICLINKS);

	if (fd < 0 || fstat(fd, &status) < 0)
		silent("cannot open the folder %s of the preloaded parent: %m", path);
	if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
		failed("cannot trust the folder %s: it is open to others", path);
	if (fchdir(fd) < 0)
		failed("cannot enter %s: %m", path);
	close(fd);
}

/* The parent has the rights of its own user namespace and no other; it may clone into this leaf as the owner of a file. */
static void open_leaf_to(uint64_t uid)
{
	if (syscall(SYS_fchownat, cgroup_v2_leaf(), "cgroup.procs", (uid_t)uid, (gid_t)-1, 0) < 0)
		unavailable(KILL_TREE, "cannot open the cgroup of the run to its preloaded parent: %m");
}

/*
 * A folder's descriptor leads on to all that lies above it, whatever root its holder has: from here to the host's own
 * (CVE-2024-21626). Above the root of a mount that is mounted nowhere there is nothing.
 */
static int detach_leaf(void)
{
	const int tree = open_tree(cgroup_v2_leaf(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		unavailable(KILL_TREE, "cannot copy the mount of the cgroup of the run: %m");
	return tree;
}

void preload_call(const struct spec *spec)
{
	const struct preload_call call = {.version = PRELOAD_VERSION};
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PRELOAD_SOCKET};

	if (!spec->preload)
		return;
	open_leaf_to(spec->uid);
	const int leaf = detach_leaf();
	enter_parents_folder(spec->preload);
	/* Not waiting: a parent whose queue is full has not come round to anybody for long. */
	parent = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (parent < 0)
		failed("cannot make a socket: %m");
	if (connect(parent, (const struct sockaddr *)&address, sizeof address) < 0)
		silent("cannot reach the preloaded parent: %m");
	if (chdir("/") < 0)
		failed("cannot enter /: %m");
	if (channel_send(parent, &call, sizeof call, &leaf, 1, 0) < 0)
		silent("cannot ask the preloaded parent: %m");
	close(leaf);
}

/* The host's number of what a pidfd stands for. */
static pid_t pid_of(int pidfd)
{
	char bytes[512];
	TEXT(path, 48);

	text_print(&path, "/proc/self/fdinfo/%d", pidfd);
	const int64_t pid = figures_read(AT_FDCWD, path.bytes, bytes, sizeof bytes) ? figures_keyed(bytes, "Pid:") : -1;
	if (pid < 2)
		silent("cannot tell what the preloaded parent has made");
	return (pid_t)pid;
}

/* Pidfd and network namespace. */
static void await_answer(int made[2])
{
	struct pollfd polled = {.fd = parent, .events = POLLIN};
	struct preload_answer answer;
	size_t count = 2;
	int ready;

	do
		ready = poll(&polled, 1, PATIENCE_MS);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		silent("cannot start from the preloaded parent: it has not answered within %d s", PATIENCE_MS / 1000);
	const ssize_t got = channel_receive(parent, &answer, sizeof answer, made, &count, MSG_DONTWAIT);
	if (got != (ssize_t)sizeof answer)
		silent("cannot start from the preloaded parent: it has ended");
	answer.reason[sizeof answer.reason - 1] = '\0';
	if (count != 2)
		silent("cannot start from the preloaded parent: %s", answer.reason[0] ? answer.reason : "it sent nothing");
}

/* What it made must be where the limits are, whoever the parent has become meanwhile. */
static void check_member(pid_t pid)
{
	char bytes[4096];
	TEXT(number, 16);
	const int fd = cgroup_members();

	text_print(&number, "%d", (int)pid);
	const ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);
	if (fd >= 0)
		close(fd);
	bytes[got > 0 ? got : 0] = '\0';
	for (char *line = bytes, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (strcmp(line, number.bytes) == 0)
			return;
	}
	silent("cannot start from the preloaded parent: what it made is not in the cgroup of the run");
}

static int make_copy_of_spec(void)
{
	const char *bytes;
	const size_t length = spec_original(&bytes);
	const int fd = (int)syscall(SYS_memfd_create, "specification", 1L /* MFD_CLOEXEC */);

	if (fd < 0)
		failed("cannot make a copy of the specification: %m");
	if (write(fd, bytes, length) != (ssize_t)length || syscall(SYS_lseek, fd, 0L, 0L) < 0)
		failed("cannot write a copy of the specification: %m");
	return fd;
}

static void give_work(const struct spec *spec, int descriptors[WORK_MAX])
{
	int *places[MOUNTS_MAX];
	size_t tasks;
	const size_t trees = mounts_places(spec, places);
	struct preload_work work = {.hierarchies = cgroup_give(descriptors + WORK_TREES + trees, &tasks)};

	for (size_t i = 0; i < trees; i++)
		descriptors[WORK_TREES + i] = *places[i];
	work.total = (uint32_t)(WORK_TREES + trees + tasks);
	for (work.from = 0; work.from < work.total;) {
		const uint32_t left = work.total - work.from;
		const uint32_t now = left < CHANNEL_DESCRIPTORS_MAX ? left : CHANNEL_DESCRIPTORS_MAX;
		if (channel_send(parent, &work, sizeof work, descriptors + work.from, now, 0) < 0)
			silent("cannot give pid 1 of the sandbox its work: %m");
		work.from += now;
	}
}

static void make_pipe(int ends[2], int ours)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	if (fcntl(ends[ours], F_SETFL, O_NONBLOCK) < 0)
		failed("cannot make a pipe nonblocking: %m");
}

/*
 * A copy may never come: a library's handler of forks hangs in it, or the parent has gone bad. Pid 1 would wait for it, and so
 * would everybody. What is said to the launcher meanwhile, and what it is asked, is heard where all of that is.
 */
static void await_begin(const struct run *run)
{
	struct pollfd polled[] = {{.fd = run->status, .events = POLLIN},
				  {.fd = run->init_fd, .events = POLLIN},
				  {.fd = run->signals, .events = POLLIN},
				  {.fd = run->parent, .events = POLLIN},
				  {.fd = run->control, .events = POLLIN}};
	int ready;

	do
		ready = poll(polled, sizeof polled / sizeof polled[0], BEGIN_MS);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		silent("cannot start from the preloaded parent: its copy has not begun within %d s", BEGIN_MS / 1000);
}

void preload_start(struct run *run)
{
	const struct spec *spec = run->spec;
	int descriptors[WORK_MAX], made[2], go[2];

	for (int fd = 0; fd < 3; fd++) {
		int ends[2];
		make_pipe(ends, fd == 0);
		run->stdio[fd] = ends[fd == 0];
		descriptors[WORK_STDIN + fd] = ends[fd != 0];
	}
	int status[2];
	make_pipe(status, 0);
	run->status = status[0];
	descriptors[WORK_STATUS] = status[1];
	if (pipe2(go, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	descriptors[WORK_GO] = go[0];
	descriptors[WORK_SPEC] = make_copy_of_spec();

	await_answer(made);
	run->init_fd = made[0];
	run->init = pid_of(made[0]);
	/* As in namespaces_clone: the launcher has no use for a network, and the relay's ports are opened in this one. */
	if (setns(made[1], CLONE_NEWNET) < 0)
		unavailable(NET_NAMESPACE, "cannot enter the sandbox's network: %m");
	close(made[1]);
	network_open_ports(spec);
	give_work(spec, descriptors);
	for (int i = WORK_SPEC; i < WORK_TREES; i++)
		close(descriptors[i]);
	network_await(spec, run->status);
	check_member(run->init);
	if (write(go[1], "g", 1) != 1 && errno != EPIPE)
		failed("cannot release the sandbox: %m");
	if (spec->held)
		run->go = go[1];
	else
		close(go[1]);
	await_begin(run);
}

/* Beyond this they are no figures, but what a parent says. */
static long bounded(long figure)
{
	const long most = 1L << 40;

	return figure < 0 ? 0 : figure > most ? most : figure;
}

static void take_usage(const struct rusage *told, struct rusage *usage)
{
	*usage = (struct rusage){.ru_inblock = bounded(told->ru_inblock), .ru_oublock = bounded(told->ru_oublock)};
	usage->ru_utime.tv_sec = bounded(told->ru_utime.tv_sec);
	usage->ru_stime.tv_sec = bounded(told->ru_stime.tv_sec);
	usage->ru_utime.tv_usec = bounded(told->ru_utime.tv_usec);
	usage->ru_stime.tv_usec = bounded(told->ru_stime.tv_usec);
}

int preload_reap(const struct run *run, struct rusage *usage)
{
	struct preload_end end;
	size_t none = 0;
	struct pollfd ended = {.fd = run->init_fd, .events = POLLIN}, told = {.fd = parent, .events = POLLIN};

	/* Nobody else can be waited for here, and nobody is signalled once its number may be another's. */
	while (poll(&ended, 1, REAP_MS) < 0 && errno == EINTR)
		continue;
	while (poll(&told, 1, REAP_MS) < 0 && errno == EINTR)
		continue;
	const ssize_t got = channel_receive(parent, &end, sizeof end, NULL, &none, MSG_DONTWAIT);
	close(parent);
	if (got != (ssize_t)sizeof end)
		return SIGKILL;
	take_usage(&end.usage, usage);
	return end.status;
}
