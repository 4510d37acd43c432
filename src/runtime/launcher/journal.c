#include "journal.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

static const char *path;
static int stream = -1;
static int file = -1;
static unsigned lines;

void journal_open(const struct spec *spec, int fd)
{
	path = spec->journal_file;
	stream = fd;
}

void journal_begin(struct text *line, const char *event)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	text_add(line, "{\"event\":");
	text_json(line, event);
	text_add(line, ",\"atMs\":");
	text_number(line, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* A host that does not read its report must not hold up the run: a line it has no room for is in the file all the same. */
static void tell(const struct text *line)
{
	struct pollfd reader = {.fd = stream, .events = POLLOUT};

	if (stream >= 0 && poll(&reader, 1, 0) == 1 && reader.revents & POLLOUT &&
	    write(stream, line->bytes, line->length) < 0)
		stream = -1;
}

static void keep(const struct text *line)
{
	if (file < 0 && path) {
		file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (file < 0)
			path = NULL;
	}
	/* One write a line: a reader never sees half of one, unless the disk is full, and then it skips that. */
	if (file >= 0 && write(file, line->bytes, line->length) < 0)
		return;
}

void journal_end(struct text *line)
{
	if (lines > JOURNAL_LINES_MAX)
		return;
	if (++lines > JOURNAL_LINES_MAX) {
		line->length = 0;
		journal_begin(line, "journal-full");
	}
	text_add(line, "}\n");
	/* Text that was cut has lost its end, and half an object is worth nothing. */
	if (line->bytes[line->length - 1] != '\n')
		return;
	tell(line);
	keep(line);
}
