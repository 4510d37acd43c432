#include "dialer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "confine.h"
#include "hosts.h"
#include "lookup.h"
#include "own.h"

enum { RELAY, LAUNCHER, KEPT };
enum { CALLS_MAX = 32, ATTEMPTS_MAX = 4, ADDRESSES_MAX = 2 * DNS_ADDRESSES_MAX };
enum { CALL_MS = 15000, STAGGER_MS = 300 };
enum { PER_CALL = 2 + ATTEMPTS_MAX, DESCRIPTORS = KEPT + CALLS_MAX * PER_CALL + 16 };

struct attempt {
	int fd; /* -1: none */
	struct address address;
};

/* One request of the relay, until it is answered. */
struct call {
	bool used;
	struct dial dial;
	int64_t until_ms;
	/* Waits no longer for the second answer, or tries the next address beside those under way; 0: not yet. */
	int64_t next_ms;
	struct lookup lookups[2];  /* AAAA and A */
	bool looking;
	struct address addresses[ADDRESSES_MAX];
	size_t count, next;
	struct attempt attempts[ATTEMPTS_MAX];
	/* Why the last address failed, or was refused: told if none is left. */
	struct decision decision;
};

static const struct spec *spec;
static struct call calls[CALLS_MAX];

/* ---- what may be dialled -------------------------------------------------------------------------------- */

/* REACH_PUBLIC: it may be dialled. The operator's word stands above what the address is. */
static enum reach judge(const struct address *address, uint16_t port)
{
	if (allowlist_has_excused(&spec->network, address, port))
		return REACH_PUBLIC;
	const enum reach reach = address_reach(address);
	if (reach != REACH_PUBLIC)
		return reach;
	return own_address(address, port) ? REACH_OWN : REACH_PUBLIC;
}

static bool is_listed(const struct dial *dial)
{
	if (dial->by_name)
		return allowlist_has_name(&spec->network, dial->name, dial->port);
	/* In the sandbox "localhost" is in /etc/hosts and never asked for. Who may reach that name is not yet let in. */
	return allowlist_has_address(&spec->network, &dial->address, dial->port) ||
	       (address_reach(&dial->address) == REACH_LOOPBACK &&
		allowlist_has_name(&spec->network, "localhost", dial->port));
}

static void NORETURN leave(int status)
{
	channel_tell_rest(LAUNCHER);
	_exit(status);
}

/* ---- one call --------------------------------------------------------------------------------------------- */

/*
 * The relay reads whatever happens, or is gone. While it is kept from reading, the kernel lets a user have only so many
 * descriptors on their way (RLIMIT_NOFILE): then this one waits as well.
 */
static void hand_over(const struct dialled *dialled, int fd)
{
	enum { AGAIN_MS = 1 };

	while (channel_send(RELAY, dialled, sizeof *dialled, &fd, fd >= 0, 0) < 0) {
		if (errno != ETOOMANYREFS)
			leave(0);
		poll(NULL, 0, AGAIN_MS);
	}
}

static void end(struct call *call, int fd)
{
	const struct dialled dialled = {.id = call->dial.id, .connected = fd >= 0};

	for (int i = 0; i < ATTEMPTS_MAX; i++)
		if (call->attempts[i].fd >= 0 && call->attempts[i].fd != fd)
			close(call->attempts[i].fd);
	for (int i = 0; i < 2; i++)
		lookup_end(&call->lookups[i]);
	hand_over(&dialled, fd);
	if (fd >= 0)
		close(fd);
	channel_tell(LAUNCHER, &call->decision);
	call->used = false;
}

static void fail(struct call *call, enum reason reason)
{
	call->decision.reason = (uint8_t)reason;
	end(call, -1);
}

static bool is_trying(const struct call *call)
{
	for (int i = 0; i < ATTEMPTS_MAX; i++)
		if (call->attempts[i].fd >= 0)
			return true;
	return false;
}

static enum reason reason_of(int error)
{
	switch (error) {
	case ECONNREFUSED: return REASON_REFUSED;
	case ETIMEDOUT: return REASON_TIME;
	default: return REASON_UNREACHABLE;
	}
}

static void note(struct call *call, const struct address *address, enum reason reason)
{
	call->decision.allowed = true; /* it may be reached, and could not be */
	call->decision.has_address = true;
	call->decision.address = *address;
	call->decision.reason = (uint8_t)reason;
}

static void succeed(struct call *call, struct attempt *attempt)
{
	const int yes = 1;

	/* Both are a matter of speed and tidiness: a connection without them is one all the same. */
	if (setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0 ||
	    setsockopt(attempt->fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes) < 0)
		errno = 0;
	note(call, &attempt->address, REASON_NONE);
	end(call, attempt->fd);
}

/* Begins with the next address that may be dialled. False: there is none left. */
static bool try_next(struct call *call)
{
	struct attempt *attempt = NULL;

	for (int i = 0; i < ATTEMPTS_MAX; i++)
		if (call->attempts[i].fd < 0)
			attempt = &call->attempts[i];
	while (attempt && call->next < call->count) {
		const struct address *address = &call->addresses[call->next++];
		const enum reach reach = judge(address, call->dial.port);
		struct sockaddr_storage there;

		if (reach != REACH_PUBLIC) {
			call->decision.allowed = false;
			call->decision.has_address = true;
			call->decision.address = *address;
			call->decision.reason = (uint8_t)(REASON_REACH + reach);
			continue;
		}
		const socklen_t size = address_to_socket(address, call->dial.port, &there);
		attempt->fd = socket(there.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		attempt->address = *address;
		if (attempt->fd >= 0 && (connect(attempt->fd, (struct sockaddr *)&there, size) == 0 || errno == EINPROGRESS)) {
			call->next_ms = channel_clock_ms() + STAGGER_MS;
			return true;
		}
		note(call, address, reason_of(errno));
		if (attempt->fd >= 0)
			close(attempt->fd);
		attempt->fd = -1;
	}
	return is_trying(call);
}

static void try_or_end(struct call *call)
{
	if (!try_next(call))
		end(call, -1);
}

/* IPv6 and IPv4 in turn, so that a host with only one of them does not wait for the other. */
static void gather(struct call *call)
{
	struct lookup *one = &call->lookups[0], *other = &call->lookups[1];

	call->looking = false;
	lookup_end(one);
	lookup_end(other);
	for (size_t i = 0; i < DNS_ADDRESSES_MAX; i++) {
		if (i < one->count)
			call->addresses[call->count++] = one->found[i];
		if (i < other->count)
			call->addresses[call->count++] = other->found[i];
	}
	if (call->count > 0)
		return try_or_end(call);
	const bool failed = one->result == REPLY_FAILED || other->result == REPLY_FAILED;
	call->decision.allowed = true;
	fail(call, failed ? REASON_LOOKUP : REASON_NO_NAME);
}

static void look_up(struct call *call)
{
	call->count = hosts_find(call->dial.name, call->addresses, ADDRESSES_MAX);
	if (call->count > 0)
		return try_or_end(call);
	call->looking = true;
	lookup_begin(&call->lookups[0], call->dial.name, DNS_AAAA);
	lookup_begin(&call->lookups[1], call->dial.name, DNS_A);
}

static void begin(struct call *call, const struct dial *dial)
{
	call->used = true;
	call->dial = *dial;
	call->until_ms = channel_clock_ms() + CALL_MS;
	call->count = call->next = 0;
	call->next_ms = 0;
	call->looking = false;
	call->decision = (struct decision){.port = dial->port};
	for (int i = 0; i < ATTEMPTS_MAX; i++)
		call->attempts[i].fd = -1;
	if (dial->by_name) {
		memcpy(call->decision.name, dial->name, sizeof dial->name);
	} else {
		call->decision.has_address = true;
		call->decision.address = dial->address;
	}
	if (!is_listed(dial))
		return fail(call, REASON_NOT_LISTED);
	if (dial->by_name)
		return look_up(call);
	call->addresses[call->count++] = dial->address;
	try_or_end(call);
}

/* ---- all calls ---------------------------------------------------------------------------------------------- */

static void take_request(void)
{
	struct dial dial;
	size_t none = 0;
	const ssize_t got = channel_receive(RELAY, &dial, sizeof dial, NULL, &none, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	/* Its end is ours; and a relay that does not keep to the form is not ours any more. */
	if (got != (ssize_t)sizeof dial || dial.name[NAME_BYTES - 1] != '\0' || (dial.by_name && !allowlist_is_name(dial.name)))
		leave(got == 0 ? 0 : 125);
	for (int i = 0; i < CALLS_MAX; i++)
		if (!calls[i].used)
			return begin(&calls[i], &dial);
}

static bool has_room(void)
{
	for (int i = 0; i < CALLS_MAX; i++)
		if (!calls[i].used)
			return true;
	return false;
}

static void look_at(struct call *call, struct attempt *attempt)
{
	int error = 0;
	socklen_t size = sizeof error;

	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error == 0)
		return succeed(call, attempt);
	note(call, &attempt->address, reason_of(error));
	close(attempt->fd);
	attempt->fd = -1;
	try_or_end(call);
}

static int64_t sooner(int64_t one, int64_t other)
{
	return one < other ? one : other;
}

/* What a call waits for: descriptors into `polled` (PER_CALL of them), and the moment it wants to be looked at. */
static int64_t wants_of(const struct call *call, struct pollfd *polled)
{
	int64_t until = call->until_ms;

	for (int i = 0; i < PER_CALL; i++)
		polled[i] = (struct pollfd){.fd = -1};
	if (!call->used)
		return INT64_MAX;
	for (int i = 0; i < 2 && call->looking; i++) {
		polled[i] = lookup_wants(&call->lookups[i]);
		if (polled[i].fd >= 0)
			until = sooner(until, call->lookups[i].until_ms);
	}
	for (int i = 0; i < ATTEMPTS_MAX; i++)
		polled[2 + i] = (struct pollfd){.fd = call->attempts[i].fd, .events = POLLOUT};
	const bool has_more = call->looking ? call->next_ms != 0 : call->next < call->count;
	return has_more ? sooner(until, call->next_ms) : until;
}

/* Some name servers leave questions for AAAA unanswered; who has one answer need not wait long for the other. */
static bool has_looked(struct call *call, int64_t now)
{
	const struct lookup *one = &call->lookups[0], *other = &call->lookups[1];

	if (one->state == LOOKUP_DONE && other->state == LOOKUP_DONE)
		return true;
	if ((one->state != LOOKUP_DONE || one->count == 0) && (other->state != LOOKUP_DONE || other->count == 0))
		return false;
	if (call->next_ms == 0)
		call->next_ms = now + STAGGER_MS;
	return now >= call->next_ms;
}

static void go_on(struct call *call, const struct pollfd *polled, int64_t now)
{
	for (int i = 0; i < 2 && call->looking; i++)
		lookup_go_on(&call->lookups[i], polled[i].fd >= 0 ? polled[i].revents : 0);
	if (call->looking && has_looked(call, now))
		return gather(call);
	for (int i = 0; i < ATTEMPTS_MAX && call->used; i++)
		if (polled[2 + i].fd >= 0 && polled[2 + i].revents && call->attempts[i].fd == polled[2 + i].fd) {
			look_at(call, &call->attempts[i]);
			return; /* the others are asked anew */
		}
	if (!call->used)
		return;
	if (now >= call->until_ms) {
		call->decision.allowed = true;
		return fail(call, call->looking ? REASON_LOOKUP : REASON_TIME);
	}
	if (!call->looking && call->next < call->count && now >= call->next_ms) {
		call->next_ms = now + STAGGER_MS;
		try_or_end(call);
	}
}

void dialer_main(const struct dialer *dialer)
{
	const int kept[KEPT] = {[RELAY] = dialer->relay, [LAUNCHER] = dialer->launcher};

	spec = dialer->spec;
	channel_refuse_to(dialer->launcher);
	refusals_go_to(channel_refuse);
	hosts_read();
	confine_begin(spec, ROLE_DIALER, kept, KEPT, DESCRIPTORS);
	channel_refuse_to(LAUNCHER);
	confine_end(spec, ROLE_DIALER);
	channel_ready(LAUNCHER);

	for (;;) {
		struct pollfd polled[1 + CALLS_MAX * PER_CALL];
		int64_t until = INT64_MAX;

		polled[0] = (struct pollfd){.fd = RELAY, .events = has_room() ? POLLIN : 0};
		for (int i = 0; i < CALLS_MAX; i++)
			until = sooner(until, wants_of(&calls[i], &polled[1 + i * PER_CALL]));
		int64_t now = channel_clock_ms();
		const int wait = until == INT64_MAX ? -1 : until > now ? (int)(until - now) : 0;
		if (poll(polled, 1 + CALLS_MAX * PER_CALL, wait) < 0 && errno != EINTR)
			_exit(125);
		now = channel_clock_ms();
		for (int i = 0; i < CALLS_MAX; i++)
			if (calls[i].used)
				go_on(&calls[i], &polled[1 + i * PER_CALL], now);
		if (polled[0].revents & POLLIN)
			take_request();
		else if (polled[0].revents & (POLLHUP | POLLERR))
			leave(0);
	}
}
