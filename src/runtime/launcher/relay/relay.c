#include "relay.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "confine.h"
#include "resolver.h"
#include "stream.h"

enum { PORTS, DIALER, LAUNCHER, EPOLL, KEPT = 3 };
enum { QUESTIONS_MAX = 16, QUESTION_MS = 5000, EVENTS = 64 };
enum { SPARE_DESCRIPTORS = NETWORK_PORTS_MAX + 64 };
enum { RESOLVER_PORT = 53 };

/* What an event is about, in the upper half of its data; the lower is an index. */
enum subject { OF_LAUNCHER, OF_DIALER, OF_RESOLVER, OF_LISTENER, OF_QUESTION, OF_INNER, OF_OUTER };

struct connection {
	enum { FREE, TO_ASK, ASKED, OPEN } state;
	uint32_t turn; /* told apart from those that had this place before */
	int inner;
	uint16_t port;
	struct address address; /* as the plugin dialled it */
	struct stream stream;
};

/* A question over TCP: two bytes of length, then the message. */
struct asker {
	int fd; /* -1: none */
	int64_t since_ms;
	size_t got;
	uint8_t bytes[2 + DNS_UDP_BYTES];
};

static const struct spec *spec;
static struct connection connections[NETWORK_CONNECTIONS_MAX];
static struct asker askers[QUESTIONS_MAX];
static uint8_t *buffers;
static int sockets[CHANNEL_DESCRIPTORS_MAX]; /* the resolver's datagrams first, then all listeners */
static size_t socket_count;
static struct budget budget;
static unsigned open_count, to_ask_count;
static bool is_ending; /* the plugin has ended: deliver what it sent, and end */

static void watch(int operation, int fd, enum subject subject, size_t index, unsigned events)
{
	struct epoll_event event = {.events = events, .data.u64 = (uint64_t)subject << 32 | index};

	if (epoll_ctl(EPOLL, operation, fd, &event) < 0)
		_exit(125); /* of what else would we hear? */
}

static void tell(const struct connection *connection, enum reason reason)
{
	struct decision decision = {.reason = (uint8_t)reason, .port = connection->port};
	const char *name = resolver_name_of(&connection->address);

	if (name) {
		memcpy(decision.name, name, strlen(name) + 1);
	} else {
		decision.has_address = true;
		decision.address = connection->address;
	}
	channel_tell(LAUNCHER, &decision);
}

static void forget(struct connection *connection)
{
	to_ask_count -= connection->state == TO_ASK;
	connection->state = FREE;
	connection->turn++;
	open_count--;
}

/* `watched` sides leave the epoll set by being closed: nobody else has a descriptor of theirs. */
static void end(struct connection *connection, bool reset)
{
	if (connection->state == OPEN)
		stream_close(&connection->stream, reset);
	else
		stream_reset(connection->inner);
	forget(connection);
}

static void end_all(enum reason reason)
{
	for (size_t i = 0; i < spec->connections; i++)
		if (connections[i].state != FREE) {
			tell(&connections[i], reason);
			end(&connections[i], true);
		}
}

/* ---- asking the dialer ---------------------------------------------------------------------------------- */

static void ask(struct connection *connection)
{
	struct dial dial = {
		.id = (uint32_t)(connection - connections) | connection->turn << 16,
		.port = connection->port,
		.address = connection->address,
	};
	const char *name = resolver_name_of(&connection->address);

	if (name) {
		dial.by_name = true;
		memcpy(dial.name, name, strlen(name) + 1);
	}
	if (channel_send(DIALER, &dial, sizeof dial, NULL, 0, MSG_DONTWAIT) == (ssize_t)sizeof dial) {
		connection->state = ASKED;
		to_ask_count--;
		return;
	}
	if (errno != EAGAIN)
		_exit(125);
}

/* The dialer takes a request when it has room for one. */
static void ask_all(void)
{
	const unsigned before = to_ask_count;

	for (size_t i = 0; i < spec->connections && to_ask_count > 0; i++)
		if (connections[i].state == TO_ASK)
			ask(&connections[i]);
	if (before > 0)
		watch(EPOLL_CTL_MOD, DIALER, OF_DIALER, 0, EPOLLIN | (to_ask_count > 0 ? EPOLLOUT : 0U));
}

static void rewatch(struct connection *connection, int index)
{
	struct side *side = &connection->stream.sides[index];
	unsigned wanted = stream_wants(&connection->stream, index);

	if (is_ending && index == OUTER)
		wanted &= ~(unsigned)EPOLLIN;
	if (wanted == side->watched)
		return;
	/* A side that waits for nothing is taken out: its end would be told over and over. */
	watch(wanted == 0 ? EPOLL_CTL_DEL : side->watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, side->fd,
	      index == INNER ? OF_INNER : OF_OUTER, (size_t)(connection - connections), wanted);
	side->watched = wanted;
}

static void take_answer(void)
{
	struct dialled dialled;
	int outer;
	size_t count = 1;
	const ssize_t got = channel_receive(DIALER, &dialled, sizeof dialled, &outer, &count, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got != (ssize_t)sizeof dialled)
		_exit(125); /* without a dialer there is nothing to relay to */
	struct connection *connection = &connections[dialled.id & 0xffff];
	if ((dialled.id & 0xffff) >= spec->connections || connection->state != ASKED ||
	    connection->turn << 16 != (dialled.id & 0xffff0000U)) {
		if (count == 1)
			close(outer);
		return;
	}
	if (count == 0)
		return end(connection, true);
	stream_open(&connection->stream, connection->inner, outer, buffers + (size_t)(connection - connections) * 2 * STREAM_BYTES);
	connection->state = OPEN;
	rewatch(connection, INNER);
	rewatch(connection, OUTER);
}

/* ---- the plugin's connections ----------------------------------------------------------------------------- */

static void take_question(int fd)
{
	struct asker *oldest = &askers[0];

	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		if (askers[i].fd < 0) {
			oldest = &askers[i];
			break;
		}
		if (askers[i].since_ms < oldest->since_ms)
			oldest = &askers[i];
	}
	if (oldest->fd >= 0)
		close(oldest->fd);
	*oldest = (struct asker){.fd = fd, .since_ms = channel_clock_ms()};
	watch(EPOLL_CTL_ADD, fd, OF_QUESTION, (size_t)(oldest - askers), EPOLLIN);
}

static void take_connection(int fd)
{
	static const struct address resolver = {{[10] = 0xff, 0xff, 127, 0, 0, 1}};
	struct sockaddr_storage here;
	socklen_t size = sizeof here;
	struct connection refused = {.inner = fd};

	if (getsockname(fd, (struct sockaddr *)&here, &size) < 0 ||
	    !address_of_socket(&here, &refused.address, &refused.port))
		return stream_reset(fd);
	if (refused.port == RESOLVER_PORT && address_is(&refused.address, &resolver))
		return take_question(fd);
	if (budget.traffic->bytes_met) {
		tell(&refused, REASON_BYTES);
		return stream_reset(fd);
	}
	for (size_t i = 0; i < spec->connections; i++) {
		struct connection *connection = &connections[i];
		if (connection->state != FREE)
			continue;
		connection->state = TO_ASK;
		connection->inner = fd;
		connection->port = refused.port;
		connection->address = refused.address;
		open_count++;
		to_ask_count++;
		ask(connection);
		if (connection->state == TO_ASK)
			watch(EPOLL_CTL_MOD, DIALER, OF_DIALER, 0, EPOLLIN | EPOLLOUT);
		return;
	}
	budget.traffic->connections_met = 1;
	tell(&refused, REASON_CONNECTIONS);
	stream_reset(fd);
}

static void accept_all(int listener)
{
	for (int i = 0; i < EVENTS; i++) {
		const int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return; /* none left, or one that was gone before we came */
		take_connection(fd);
	}
}

static void move(struct connection *connection, int side, unsigned events)
{
	if (connection->state != OPEN)
		return;
	const enum stream_state state = stream_move(&connection->stream, side, events, &budget);
	const struct stream *stream = &connection->stream;

	if (state == STREAM_OVER_BUDGET) {
		budget.traffic->bytes_met = 1;
		return end_all(REASON_BYTES);
	}
	if (state != STREAM_OPEN)
		return end(connection, state != STREAM_DONE);
	if (is_ending && stream->sides[INNER].ended && stream->sides[OUTER].length == 0)
		return end(connection, false);
	rewatch(connection, INNER);
	rewatch(connection, OUTER);
}

/* ---- the plugin's questions --------------------------------------------------------------------------------- */

static void answer_datagrams(int fd)
{
	for (int i = 0; i < EVENTS; i++) {
		uint8_t message[RESOLVER_MESSAGE_MAX], answer[DNS_UDP_BYTES];
		struct sockaddr_storage from;
		socklen_t from_size = sizeof from;
		const ssize_t got = recvfrom(fd, message, sizeof message, MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);
		if (got < 0)
			return;
		const size_t size = resolver_answer(&spec->network, message, (size_t)got, answer, LAUNCHER);
		/* An answer that has no room is lost, as datagrams are. */
		if (size > 0 && sendto(fd, answer, size, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&from, from_size) < 0)
			continue;
	}
}

static void drop(struct asker *asker)
{
	close(asker->fd);
	asker->fd = -1;
}

static void read_question(struct asker *asker)
{
	uint8_t answer[2 + DNS_UDP_BYTES];

	if (asker->fd < 0)
		return;
	const ssize_t got = recv(asker->fd, asker->bytes + asker->got, sizeof asker->bytes - asker->got, MSG_DONTWAIT);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		return drop(asker);
	asker->got += (size_t)got;
	while (asker->got >= 2) {
		const size_t size = (size_t)asker->bytes[0] << 8 | asker->bytes[1];
		if (size > DNS_UDP_BYTES)
			return drop(asker); /* no question of a host's name is as long */
		if (asker->got < 2 + size)
			return;
		const size_t length = resolver_answer(&spec->network, asker->bytes + 2, size, answer + 2, LAUNCHER);
		answer[0] = (uint8_t)(length >> 8);
		answer[1] = (uint8_t)length;
		/* One that does not read its answers has no claim to more. */
		if (length == 0 || send(asker->fd, answer, 2 + length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(2 + length))
			return drop(asker);
		asker->got -= 2 + size;
		memmove(asker->bytes, asker->bytes + 2 + size, asker->got);
		asker->since_ms = channel_clock_ms();
	}
}

/* Returns for how long nothing has to be looked after; -1 for ever. */
static int drop_old_askers(void)
{
	int wait = -1;

	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		if (askers[i].fd < 0)
			continue;
		const int64_t left = askers[i].since_ms + QUESTION_MS - channel_clock_ms();
		if (left <= 0)
			drop(&askers[i]);
		else if (wait < 0 || left < wait)
			wait = (int)left;
	}
	return wait;
}

/* ---- begin, go on, end ---------------------------------------------------------------------------------------- */

/* The launcher let go: the plugin is dead. What it sent before is delivered as if its own kernel did it; nothing new. */
static void begin_end(void)
{
	is_ending = true;
	for (size_t i = 0; i < socket_count; i++)
		close(sockets[i]);
	watch(EPOLL_CTL_DEL, LAUNCHER, OF_LAUNCHER, 0, 0);
	for (size_t i = 0; i < spec->connections; i++)
		if (connections[i].state == OPEN)
			move(&connections[i], INNER, EPOLLIN);
		else if (connections[i].state != FREE)
			end(&connections[i], true);
}

static void take(const struct epoll_event *event)
{
	const uint32_t index = (uint32_t)event->data.u64;

	switch ((enum subject)(event->data.u64 >> 32)) {
	case OF_LAUNCHER: begin_end(); break;
	case OF_DIALER:
		if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			take_answer();
		ask_all();
		break;
	case OF_RESOLVER:
	case OF_LISTENER:
		if (is_ending)
			break; /* closed meanwhile */
		if (index == 0)
			answer_datagrams(sockets[index]);
		else
			accept_all(sockets[index]);
		break;
	case OF_QUESTION: read_question(&askers[index]); break;
	case OF_INNER: move(&connections[index], INNER, event->events); break;
	case OF_OUTER: move(&connections[index], OUTER, event->events); break;
	}
}

static void take_ports(void)
{
	char byte;

	socket_count = CHANNEL_DESCRIPTORS_MAX;
	if (channel_receive(PORTS, &byte, 1, sockets, &socket_count, 0) != 1)
		_exit(125); /* the sandbox was refused, and says so itself */
	close(PORTS);
	watch(EPOLL_CTL_ADD, sockets[0], OF_RESOLVER, 0, EPOLLIN);
	for (size_t i = 1; i < socket_count; i++)
		watch(EPOLL_CTL_ADD, sockets[i], OF_LISTENER, i, EPOLLIN);
}

static void make_buffers(void)
{
	buffers = mmap(NULL, spec->connections * 2 * STREAM_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffers == MAP_FAILED)
		unavailable(NETWORK, "cannot make room for the relay's connections: %m");
}

void relay_main(const struct relay *relay)
{
	const int kept[KEPT] = {[PORTS] = relay->ports, [DIALER] = relay->dialer, [LAUNCHER] = relay->launcher};

	spec = relay->spec;
	budget = (struct budget){relay->traffic, spec->network_bytes};
	channel_refuse_to(relay->launcher);
	refusals_go_to(channel_refuse);
	confine_begin(spec, ROLE_RELAY, kept, KEPT, (unsigned)spec->connections * 2 + SPARE_DESCRIPTORS);
	channel_refuse_to(LAUNCHER);
	make_buffers();
	if (epoll_create1(EPOLL_CLOEXEC) != EPOLL)
		unavailable(NETWORK, "cannot make the relay's epoll set: %m");
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		askers[i].fd = -1;
	watch(EPOLL_CTL_ADD, LAUNCHER, OF_LAUNCHER, 0, EPOLLRDHUP);
	watch(EPOLL_CTL_ADD, DIALER, OF_DIALER, 0, EPOLLIN);
	confine_end(spec, ROLE_RELAY);
	take_ports();
	channel_ready(LAUNCHER);

	while (!is_ending || open_count > 0) {
		struct epoll_event events[EVENTS];
		const int count = epoll_wait(EPOLL, events, EVENTS, drop_old_askers());
		if (count < 0 && errno != EINTR)
			_exit(125);
		for (int i = 0; i < count; i++)
			take(&events[i]);
	}
	channel_tell_rest(LAUNCHER);
	_exit(0);
}
