#include "network.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "kernel.h"
#include "refusal.h"
#include "relay/channel.h"
#include "relay/decisions.h"
#include "relay/dialer.h"
#include "relay/ports.h"
#include "relay/relay.h"

enum { DELIVER_MS = 1000, PROCESSES = 2 };

static struct {
	pid_t pid;
	int fd; /* pidfd */
} processes[PROCESSES];
static int process_count;
static int notices = -1; /* what both tell us; closed, it tells the relay that the plugin has ended */
static int ports = -1;   /* our end of what the relay gets its ports from */
static struct traffic *traffic;

static void make_pair(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		unavailable(NETWORK, "cannot make a pair of sockets for the relay: %m");
}

/* As fork, into the run's cgroup. Returns whether this is the child. */
static bool start(uint64_t namespaces)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | namespaces,
		.pidfd = (uint64_t)(uintptr_t)&processes[process_count].fd,
		.exit_signal = SIGCHLD,
	};

	if (cgroup_v2_leaf() >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)cgroup_v2_leaf();
	}
	const long pid = kernel_clone3(&arguments);
	if (pid < 0)
		unavailable(NETWORK, "cannot start the relay: %m");
	if (pid > 0)
		processes[process_count++].pid = (pid_t)pid;
	return pid == 0;
}

void network_begin(const struct spec *spec)
{
	int to_launcher[2], to_relay[2], between[2];

	if (spec->network.count == 0)
		return;
	traffic = mmap(NULL, sizeof *traffic, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (traffic == MAP_FAILED)
		unavailable(NETWORK, "cannot make a page for the relay's figures: %m");
	make_pair(to_launcher);
	make_pair(to_relay);
	make_pair(between);
	notices = to_launcher[0];
	ports = to_relay[0];

	const struct dialer dialer = {.spec = spec, .relay = between[0], .launcher = to_launcher[1]};
	if (start(0))
		dialer_main(&dialer);
	/* An ordinary caller's relay gets an empty network of its own; root's is in nobody's way without any right. */
	const struct relay relay = {
		.spec = spec, .ports = to_relay[1], .dialer = between[1], .launcher = to_launcher[1], .traffic = traffic};
	if (start(spec->as_root ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET))
		relay_main(&relay);
	close(to_launcher[1]);
	close(to_relay[1]);
	close(between[0]);
	close(between[1]);
}

void network_open_ports(const struct spec *spec)
{
	if (spec->network.count > 0)
		ports_open(spec, ports);
}

void network_await(const struct spec *spec, int status)
{
	if (spec->network.count == 0)
		return;
	close(ports);
	ports = -1;
	for (int ready = 0; ready < PROCESSES;) {
		struct pollfd polled[2] = {{.fd = notices, .events = POLLIN}, {.fd = status, .events = POLLIN}};
		struct notice notice;
		size_t none = 0;

		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			unavailable(NETWORK, "cannot wait for the relay: %m");
		if (polled[1].revents)
			return; /* it has something to say only when it refuses */
		if (!polled[0].revents)
			continue;
		if (channel_receive(notices, &notice, sizeof notice, NULL, &none, 0) != (ssize_t)sizeof notice)
			unavailable(NETWORK, "cannot start the relay: it died");
		if (notice.kind == NOTICE_REFUSED) {
			notice.refusal.reason[sizeof notice.refusal.reason - 1] = '\0';
			refuse(LAYER_UNAVAILABLE, LAYER_NETWORK, "%s", notice.refusal.reason);
		}
		ready += notice.kind == NOTICE_READY;
	}
}

int network_events(void)
{
	return notices;
}

/* False: both are gone (one does not stay without the other), or do not keep to the form, or never stop. */
static bool take_notice(void)
{
	struct notice notice;
	size_t none = 0;
	const ssize_t got = channel_receive(notices, &notice, sizeof notice, NULL, &none, MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN;
	return got == (ssize_t)sizeof notice && notice.kind == NOTICE_DECISION && decisions_take(&notice.decision);
}

void network_read(void)
{
	const struct decision last = {.reason = REASON_ENDED, .count = 1};

	if (take_notice())
		return;
	decisions_take(&last);
	network_abandon();
}

/* A relay that was taken over counts as it likes. Beyond this no reader of a report takes a number. */
int64_t network_bytes(void)
{
	static const uint64_t most = (1ULL << 53) - 1;

	if (!traffic)
		return -1;
	const uint64_t bytes = traffic->bytes;
	return (int64_t)(bytes < most ? bytes : most);
}

/* The end of our words is the end of the plugin to them. Their last ones are what they have decided meanwhile. */
static void let_deliver(void)
{
	const int64_t until = channel_clock_ms() + DELIVER_MS;

	if (notices < 0 || shutdown(notices, SHUT_WR) < 0)
		return;
	for (int64_t now = channel_clock_ms(); now < until; now = channel_clock_ms()) {
		struct pollfd polled = {.fd = notices, .events = POLLIN};
		const int ready = poll(&polled, 1, (int)(until - now));
		if (ready == 0 || (ready < 0 && errno != EINTR) || (ready > 0 && !take_notice()))
			return;
	}
}

void network_abandon(void)
{
	if (notices >= 0)
		close(notices);
	if (ports >= 0)
		close(ports);
	notices = ports = -1;
	for (int i = 0; i < process_count; i++) {
		/* ESRCH: it has ended by itself. */
		if (pidfd_send_signal(processes[i].fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
			continue;
		while (waitpid(processes[i].pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		close(processes[i].fd);
	}
	process_count = 0;
}

void network_end(struct ending *ending)
{
	if (!traffic)
		return;
	let_deliver();
	network_abandon();
	decisions_end();
	ending->network_bytes = network_bytes();
	ending->met |= (traffic->connections_met ? MET_CONNECTIONS : 0U) | (traffic->bytes_met ? MET_NETWORK : 0U);
}
