#include "stream.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads for one stream before the others have their turn. */
enum { TURN = 4 };

void stream_open(struct stream *stream, int inner, int outer, uint8_t *buffers)
{
	*stream = (struct stream){.sides = {{.fd = inner, .waiting = buffers},
					    {.fd = outer, .waiting = buffers + STREAM_BYTES}}};
}

static bool is_later(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* The other side ended, and all of it is delivered: say so here too, and go on in the other direction. */
static bool pass_end(const struct side *from, const struct side *to)
{
	/* ENOTCONN: it was reset meanwhile, which its own next event tells. */
	return !from->ended || to->length > 0 || shutdown(to->fd, SHUT_WR) == 0 || errno == ENOTCONN;
}

static bool flush(struct side *to, const struct side *from)
{
	if (to->length > 0) {
		const ssize_t sent = send(to->fd, to->waiting + to->start, to->length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			return is_later(errno);
		to->start += (size_t)sent;
		to->length -= (size_t)sent;
		if (to->length > 0)
			return true;
	}
	return pass_end(from, to);
}

static enum stream_state carry(struct side *from, struct side *to, const struct budget *budget)
{
	static uint8_t bytes[STREAM_BYTES];

	for (int turn = 0; turn < TURN && to->length == 0 && !from->ended; turn++) {
		const ssize_t got = recv(from->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (got < 0)
			return is_later(errno) ? STREAM_OPEN : STREAM_BROKEN;
		if (got == 0) {
			from->ended = true;
			return pass_end(from, to) ? STREAM_OPEN : STREAM_BROKEN;
		}
		budget->traffic->bytes += (uint64_t)got;
		if (budget->bytes_max > 0 && budget->traffic->bytes > budget->bytes_max)
			return STREAM_OVER_BUDGET;
		ssize_t sent = send(to->fd, bytes, (size_t)got, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && !is_later(errno))
			return STREAM_BROKEN;
		if (sent < 0)
			sent = 0;
		to->start = 0;
		to->length = (size_t)(got - sent);
		memcpy(to->waiting, bytes + sent, to->length);
		if (got < (ssize_t)sizeof bytes)
			break; /* most likely all there was */
	}
	return STREAM_OPEN;
}

enum stream_state stream_move(struct stream *stream, int index, unsigned events, const struct budget *budget)
{
	struct side *side = &stream->sides[index], *other = &stream->sides[!index];
	enum stream_state state = STREAM_OPEN;

	if (events & (EPOLLOUT | EPOLLERR) && !flush(side, other))
		return STREAM_BROKEN;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		state = carry(side, other, budget);
	if (state != STREAM_OPEN)
		return state;
	return side->ended && other->ended && side->length == 0 && other->length == 0 ? STREAM_DONE : STREAM_OPEN;
}

unsigned stream_wants(const struct stream *stream, int index)
{
	const struct side *side = &stream->sides[index], *other = &stream->sides[!index];

	return (!side->ended && other->length == 0 ? EPOLLIN : 0U) | (side->length > 0 ? EPOLLOUT : 0U);
}

void stream_reset(int fd)
{
	const struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) < 0) {
		close(fd); /* then it ends in the ordinary way */
		return;
	}
	close(fd);
}

void stream_close(struct stream *stream, bool reset)
{
	for (int i = 0; i < 2; i++) {
		if (reset)
			stream_reset(stream->sides[i].fd);
		else
			close(stream->sides[i].fd);
	}
	/* The place may stay empty for long. */
	if (madvise(stream->sides[0].waiting, 2 * STREAM_BYTES, MADV_DONTNEED) < 0)
		return;
}
