#include "hold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "refusal.h"

enum { PATIENCE_MS = 2000 };

static const char *arguments[SPEC_FIELDS_MAX + 1];

size_t hold_size(const struct hold_words *words)
{
	return offsetof(struct hold_words, bytes) + words->length;
}

static bool read_whole(int from, void *into, size_t length)
{
	for (size_t have = 0; have < length;) {
		const ssize_t got = read(from, (char *)into + have, length - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		have += (size_t)got;
	}
	return true;
}

bool hold_await(int from, struct hold_words *words)
{
	return read_whole(from, &words->length, sizeof words->length) && words->length <= HOLD_BYTES_MAX &&
	       read_whole(from, words->bytes, words->length);
}

/* The rest of a message of the caller's, which writes it as one. */
static bool read_rest(int from, void *into, size_t length)
{
	struct pollfd polled = {.fd = from, .events = POLLIN};

	for (size_t have = 0; have < length;) {
		const int ready = poll(&polled, 1, PATIENCE_MS);
		const ssize_t got = ready > 0 ? read(from, (char *)into + have, length - have) : -1;
		if (got > 0)
			have += (size_t)got;
		else if (ready == 0 || got == 0 || (errno != EINTR && errno != EAGAIN))
			return false;
	}
	return true;
}

bool hold_take(int control, struct hold_words *words)
{
	return read_rest(control, &words->length, sizeof words->length) && words->length <= HOLD_BYTES_MAX &&
	       read_rest(control, words->bytes, words->length);
}

/* Whoever reads may be stopped, or have made the pipe small: the launcher has a host and clocks to listen to. */
bool hold_let_go(int into, const struct hold_words *words)
{
	const char *bytes = (const char *)words;
	struct pollfd polled = {.fd = into, .events = POLLOUT};

	if (fcntl(into, F_SETFL, O_NONBLOCK) < 0)
		return false;
	for (size_t left = hold_size(words); left > 0;) {
		const ssize_t put = write(into, bytes, left);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN) {
			if (poll(&polled, 1, PATIENCE_MS) == 0)
				return false;
			continue;
		}
		if (put < 0)
			return true; /* it has ended, and how is told elsewhere */
		bytes += put;
		left -= (size_t)put;
	}
	return true;
}

const char *const *hold_arguments(const struct spec *spec, const struct hold_words *words)
{
	const char *const end = words->bytes + words->length;
	size_t count = spec->argument_count;

	if (words->length > 0 && end[-1] != '\0')
		invalid("cannot read the arguments of a held run: they have no end");
	memcpy(arguments, spec->arguments, count * sizeof arguments[0]);
	for (const char *word = words->bytes; word < end; word += strlen(word) + 1) {
		if (count == SPEC_FIELDS_MAX)
			invalid("cannot read the arguments of a held run: more than %d", SPEC_FIELDS_MAX);
		arguments[count++] = word;
	}
	arguments[count] = NULL;
	return arguments;
}
