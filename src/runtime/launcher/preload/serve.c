/*
 * The parent reads one message of four bytes with one descriptor, and nothing else, ever: what a run is and does is read by
 * the processes of that run. A launcher that says nothing, or half of it, holds up nobody but itself.
 */
#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../preload-letters.h"
#include "../relay/channel.h"
#include "../text.h"
#include "join.h"
#include "pages.h"
#include "spawn.h"

enum { CALLERS_MAX = 32, LIVE_MAX = 512, PATIENCE_MS = 5000, SIGNALS = 0, LISTENER = 1, CALLERS = 2 };

static struct caller {
	int connection;
	int64_t until_ms;
} callers[CALLERS_MAX];

static struct live {
	int connection; /* -1: its launcher is gone, and so will it be */
	pid_t first;
} live[LIVE_MAX];

static int caller_count, live_count;
static void *back[5];
static const struct words *taken;
static int signals = -1;
static uid_t own_uid;

/* In a copy, on the stack of its maker. Goes back to where the parent stood, whose frames are all here. */
static void enter_run(int first, int invitations)
{
	memset(live, 0, sizeof live);
	memset(callers, 0, sizeof callers);
	taken = join(first, invitations);
	__builtin_longjmp(back, 1);
}

static void accept_caller(int listener)
{
	struct ucred who;
	socklen_t size = sizeof who;
	const int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (connection < 0)
		return;
	/* Root is nobody in this user namespace; a process of the plugin's would be one of ours. */
	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || who.uid == own_uid) {
		close(connection);
		return;
	}
	callers[caller_count++] = (struct caller){connection, channel_clock_ms() + PATIENCE_MS};
}

static void forget_caller(int index)
{
	callers[index] = callers[--caller_count];
}

static void answer(int connection, const char *fault, const int made[2])
{
	struct preload_answer letter = {0};
	struct text reason = {letter.reason, 0, sizeof letter.reason};

	if (fault)
		text_add(&reason, fault);
	/* Whom it does not reach is gone, and takes the sandbox along: see end_orphan(). */
	channel_send(connection, &letter, sizeof letter, made, fault ? 0 : 2, MSG_DONTWAIT);
}

static void make_for(int connection, int leaf)
{
	struct spawned spawned;
	/* Pid 1 waits for what else it is told. */
	const int flags = fcntl(connection, F_GETFL);
	const char *fault = flags < 0 || fcntl(connection, F_SETFL, flags & ~O_NONBLOCK) < 0
				    ? "cannot use the connection"
				    : spawn_first(connection, leaf, &spawned);

	if (fault) {
		answer(connection, fault, NULL);
		close(connection);
		return;
	}
	live[live_count++] = (struct live){connection, spawned.first};
	/* At once: pid 1 is given its work, and does most of it, while the copy is made. */
	const int made[2] = {spawned.first_fd, spawn_network()};
	answer(connection, NULL, made);
	if (made[1] >= 0)
		close(made[1]);
	if (spawn_copy(leaf, enter_run))
		kill(spawned.first, SIGKILL); /* its launcher is told how it ended, by reap() */
	/* Without another one the next would be given that of this run. */
	if (spawn_ready_network())
		_exit(125);
}

static void hear_caller(int index)
{
	const int connection = callers[index].connection;
	struct preload_call call = {0};
	int leaf = -1;
	size_t count = 1;
	const ssize_t got = channel_receive(connection, &call, sizeof call, &leaf, &count, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	forget_caller(index);
	if (got == (ssize_t)sizeof call && call.version == PRELOAD_VERSION && count == 1)
		make_for(connection, leaf);
	else
		close(connection);
	if (count == 1)
		close(leaf);
}

static void tell_end(int index, int status, const struct rusage *usage)
{
	const struct preload_end end = {.status = status, .usage = *usage};

	if (live[index].connection >= 0) {
		channel_send(live[index].connection, &end, sizeof end, NULL, 0, MSG_DONTWAIT);
		close(live[index].connection);
	}
	live[index] = live[--live_count];
}

static void reap(void)
{
	struct signalfd_siginfo info;
	struct rusage usage;
	int status;

	while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
		continue;
	for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;)
		for (int i = 0; i < live_count; i++)
			if (live[i].first == pid) {
				tell_end(i, status, &usage);
				break;
			}
}

/* A launcher that is killed takes its run along. */
static void end_orphan(struct live *one)
{
	kill(one->first, SIGKILL);
	close(one->connection);
	one->connection = -1;
}

static int next_wait(void)
{
	int64_t wait = -1;

	for (int i = 0; i < caller_count; i++) {
		const int64_t left = callers[i].until_ms - channel_clock_ms();
		if (wait < 0 || left < wait)
			wait = left < 0 ? 0 : left;
	}
	return (int)wait;
}

static void drop_the_late(void)
{
	const int64_t now = channel_clock_ms();

	for (int i = caller_count - 1; i >= 0; i--)
		if (callers[i].until_ms <= now) {
			close(callers[i].connection);
			forget_caller(i);
		}
}

static void NORETURN loop(int listener)
{
	for (;;) {
		static struct pollfd polled[CALLERS + CALLERS_MAX + LIVE_MAX];
		const int callers_now = caller_count, live_now = live_count;
		const bool has_room = caller_count < CALLERS_MAX && live_count + caller_count < LIVE_MAX;

		polled[SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
		polled[LISTENER] = (struct pollfd){.fd = has_room ? listener : -1, .events = POLLIN};
		for (int i = 0; i < callers_now; i++)
			polled[CALLERS + i] = (struct pollfd){.fd = callers[i].connection, .events = POLLIN};
		for (int i = 0; i < live_now; i++)
			polled[CALLERS + callers_now + i] = (struct pollfd){.fd = live[i].connection};
		if (poll(polled, (nfds_t)(CALLERS + callers_now + live_now), next_wait()) < 0 && errno != EINTR)
			_exit(125);
		/* In this order: each only ever moves what comes after it out of the way. */
		for (int i = 0; i < live_now; i++)
			if (polled[CALLERS + callers_now + i].revents & (POLLHUP | POLLERR))
				end_orphan(&live[i]);
		for (int i = callers_now - 1; i >= 0; i--)
			if (polled[CALLERS + i].revents)
				hear_caller(i);
		drop_the_late();
		if (polled[LISTENER].revents)
			accept_caller(listener);
		if (polled[SIGNALS].revents)
			reap();
	}
}

static const char *prepare(void)
{
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &children, NULL) < 0)
		return "cannot block signals";
	signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		return "cannot read signals";
	if (!words_prepare())
		return "cannot show arguments other than its own: the kernel has no PR_SET_MM_MAP";
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return "cannot become undumpable";
	own_uid = geteuid();
	pages_join();
	return spawn_prepare();
}

const struct words *serve(int listener, const char **fault)
{
	*fault = prepare();
	if (*fault)
		return NULL;
	if (__builtin_setjmp(back) != 0) {
		spawn_forget();
		return taken;
	}
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		_exit(125);
	loop(listener);
}
