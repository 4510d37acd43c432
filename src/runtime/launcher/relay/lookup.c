#include "lookup.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "hosts.h"
#include "order.h"

enum { TRY_MS = 2000, ROUNDS = 2, SERVER_PORT = 53 };

static void let_go(struct lookup *lookup)
{
	if (lookup->fd >= 0)
		close(lookup->fd);
	lookup->fd = -1;
}

static void finish(struct lookup *lookup, enum dns_reply result)
{
	let_go(lookup);
	lookup->state = LOOKUP_DONE;
	lookup->result = result;
}

static bool open_socket(struct lookup *lookup, int type)
{
	const struct address *servers;
	const size_t count = hosts_name_servers(&servers);
	const struct address *server = &servers[lookup->tries % count];
	struct sockaddr_storage where;
	const socklen_t size = address_to_socket(server, SERVER_PORT, &where);

	let_go(lookup);
	lookup->fd = socket(where.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* Connected, so that only this server's answers arrive, and the kernel picks a port nobody can guess. */
	return lookup->fd >= 0 && (connect(lookup->fd, (struct sockaddr *)&where, size) == 0 || errno == EINPROGRESS);
}

static bool ask(struct lookup *lookup)
{
	uint8_t query[DNS_UDP_BYTES];

	if (!open_socket(lookup, SOCK_DGRAM) || getrandom(&lookup->id, sizeof lookup->id, 0) != sizeof lookup->id)
		return false;
	const size_t size = dns_write_query(lookup->id, lookup->name, lookup->type, query);
	lookup->state = LOOKUP_UDP;
	return send(lookup->fd, query, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
}

/* Asks one server after the other, twice round; each has its time. */
static void ask_next(struct lookup *lookup)
{
	const struct address *servers;
	const unsigned tries_max = (unsigned)hosts_name_servers(&servers) * ROUNDS;

	while (++lookup->tries < tries_max) {
		lookup->until_ms = channel_clock_ms() + TRY_MS;
		if (ask(lookup))
			return;
	}
	finish(lookup, REPLY_FAILED);
}

void lookup_begin(struct lookup *lookup, const char *name, uint16_t type)
{
	lookup->fd = -1;
	lookup->name = name;
	lookup->type = type;
	lookup->tries = 0;
	lookup->count = 0;
	lookup->result = REPLY_EMPTY;
	lookup->until_ms = channel_clock_ms() + TRY_MS;
	if (!ask(lookup))
		ask_next(lookup);
}

struct pollfd lookup_wants(const struct lookup *lookup)
{
	if (lookup->state == LOOKUP_TCP && !lookup->sent)
		return (struct pollfd){.fd = lookup->fd, .events = POLLOUT};
	return (struct pollfd){.fd = lookup->state == LOOKUP_DONE || lookup->state == LOOKUP_IDLE ? -1 : lookup->fd, .events = POLLIN};
}

static void take_reply(struct lookup *lookup, const uint8_t *bytes, size_t size)
{
	const enum dns_reply reply =
		dns_read_reply(bytes, size, lookup->id, lookup->name, lookup->type, lookup->found, &lookup->count);

	switch (reply) {
	case REPLY_NOT_OURS:
		if (lookup->state == LOOKUP_TCP)
			ask_next(lookup);
		break;
	case REPLY_CUT:
		lookup->got = 0;
		lookup->sent = false;
		if (lookup->state == LOOKUP_TCP || !open_socket(lookup, SOCK_STREAM))
			ask_next(lookup);
		else
			lookup->state = LOOKUP_TCP;
		break;
	case REPLY_FAILED: ask_next(lookup); break; /* another server may know better */
	case REPLY_ADDRESSES:
	case REPLY_NO_NAME:
	case REPLY_EMPTY: finish(lookup, reply); break;
	}
}

static void read_datagram(struct lookup *lookup)
{
	const ssize_t got = recv(lookup->fd, lookup->bytes, DNS_UDP_BYTES, MSG_DONTWAIT);

	if (got >= 0)
		take_reply(lookup, lookup->bytes, (size_t)got);
	else if (errno != EAGAIN && errno != EINTR)
		ask_next(lookup); /* nobody listens there */
}

static void write_stream(struct lookup *lookup)
{
	uint8_t query[2 + DNS_UDP_BYTES];
	const size_t size = dns_write_query(lookup->id, lookup->name, lookup->type, query + 2);

	write_16(query, (unsigned)size);
	lookup->sent = send(lookup->fd, query, 2 + size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)(2 + size);
	if (!lookup->sent)
		ask_next(lookup);
}

static void read_stream(struct lookup *lookup)
{
	const ssize_t got = recv(lookup->fd, lookup->bytes + lookup->got, sizeof lookup->bytes - lookup->got, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		return ask_next(lookup);
	lookup->got += (size_t)got;
	if (lookup->got < 2)
		return;
	const size_t size = read_16(lookup->bytes);
	if (size > DNS_TCP_BYTES)
		return ask_next(lookup);
	if (lookup->got >= 2 + size)
		take_reply(lookup, lookup->bytes + 2, size);
}

void lookup_go_on(struct lookup *lookup, short events)
{
	if (lookup->state == LOOKUP_DONE || lookup->state == LOOKUP_IDLE)
		return;
	if (events == 0) {
		if (channel_clock_ms() >= lookup->until_ms)
			ask_next(lookup);
		return;
	}
	if (lookup->state == LOOKUP_UDP)
		read_datagram(lookup);
	else if (!lookup->sent)
		write_stream(lookup);
	else
		read_stream(lookup);
}

void lookup_end(struct lookup *lookup)
{
	if (lookup->state != LOOKUP_IDLE && lookup->state != LOOKUP_DONE)
		let_go(lookup);
	lookup->state = LOOKUP_IDLE;
}
