#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "text.h"

/*
 * The caller's descriptor may be shared with other processes, so O_NONBLOCK must not be set on it: the flag
 * belongs to the open file description. A pipe, FIFO or terminal is opened a second time, which gives a
 * description of our own; a socket is told call by call; a file never makes one wait.
 */
static void know(struct pump *pump, int *fd)
{
	struct stat status;
	TEXT(path, 32);

	pump->caller = SHARED;
	if (fstat(*fd, &status) < 0)
		return;
	if (S_ISSOCK(status.st_mode))
		pump->caller = SOCKET;
	if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode))
		return;
	text_print(&path, "/proc/self/fd/%d", *fd);
	const int own = open(path.bytes, (pump->inward ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0)
		return; /* not ours to open: a page at a time, after poll, does not wait either */
	pump->caller = OWN;
	if (*fd != STDERR_FILENO) /* which the launcher itself may still need */
		close(*fd);
	*fd = own;
}

void pump_open(struct pump *pump, int from, int to, char *bytes, uint64_t *budget)
{
	*pump = (struct pump){
		.from = from, .to = to, .inward = from == STDIN_FILENO, .caller = UNKNOWN, .bytes = bytes, .budget = budget};
}

static void close_end(int *fd)
{
	if (*fd >= 0 && *fd != STDERR_FILENO)
		close(*fd);
	*fd = -1;
}

struct pollfd pump_wants(const struct pump *pump)
{
	if (pump->length > 0)
		return (struct pollfd){.fd = pump->to, .events = POLLOUT};
	return (struct pollfd){.fd = pump->from, .events = POLLIN};
}

static ssize_t take(const struct pump *pump, size_t size)
{
	if (pump->inward && pump->caller == SOCKET)
		return recv(pump->from, pump->bytes, size, MSG_DONTWAIT);
	return read(pump->from, pump->bytes, size);
}

static ssize_t put(const struct pump *pump)
{
	const char *bytes = pump->bytes + pump->start;

	if (!pump->inward && pump->caller == SOCKET)
		return send(pump->to, bytes, pump->length, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* poll promised room for PIPE_BUF, so this much cannot wait. */
	if (!pump->inward && pump->caller == SHARED)
		return write(pump->to, bytes, pump->length > 4096 ? 4096 : pump->length);
	return write(pump->to, bytes, pump->length);
}

static void drain(struct pump *pump)
{
	while (pump->length > 0) {
		const ssize_t written = put(pump);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN)
			return;
		if (written < 0) {
			/* Nobody listens: closing the other side too lets the writer see it, by SIGPIPE or EOF. */
			close_end(&pump->to);
			close_end(&pump->from);
			pump->length = 0;
			return;
		}
		pump->start += (size_t)written;
		pump->length -= (size_t)written;
		if (!pump->inward && pump->caller == SHARED && pump->length > 0)
			return; /* ask poll again */
	}
	if (pump->from < 0)
		close_end(&pump->to);
}

/* One byte more than the budget is asked for, so that too much output is told from just enough. */
static void fill(struct pump *pump)
{
	const size_t size = pump->budget && *pump->budget < PUMP_BYTES ? (size_t)*pump->budget + 1 : PUMP_BYTES;
	const ssize_t got = take(pump, size < PUMP_BYTES ? size : PUMP_BYTES);

	if (got < 0 && (errno == EINTR || (errno == EAGAIN && !pump->last)))
		return;
	if (got <= 0) {
		close_end(&pump->from);
		close_end(&pump->to);
		return;
	}
	pump->start = 0;
	pump->length = (size_t)got;
	if (pump->budget) {
		pump->overflowed = pump->length > *pump->budget;
		if (pump->overflowed)
			pump->length = (size_t)*pump->budget;
		*pump->budget -= pump->length;
	}
	pump->passed += pump->length;
	if (pump->also)
		pump->also(pump->bytes, pump->length);
}

bool pump_move(struct pump *pump)
{
	const size_t before = pump->length;

	if (pump->caller == UNKNOWN)
		know(pump, pump->inward ? &pump->from : &pump->to);
	if (pump->length == 0 && pump->from >= 0)
		fill(pump);
	const size_t held = pump->length;
	drain(pump);
	return held != before || pump->length != held;
}

bool pump_is_done(const struct pump *pump)
{
	return pump->from < 0 && pump->length == 0;
}
