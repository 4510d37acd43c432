#include "denial-list.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "calls.h"
#include "journal.h"
#include "names.h"
#include "text.h"

/* A plugin may try as many paths as it likes; an author reads the first few hundred. */
enum { LINES_MAX = 256, PATH_SHOWN = 240 };

struct denial {
	int call, error;
	unsigned hash;
	uint64_t count, told;
	char path[PATH_SHOWN + 1];
};

static struct denial denials[LINES_MAX];
static unsigned used, told;
static uint64_t untold;

/* A missing path is one and the same whichever call looked for it. */
static bool is_same(const struct denial *one, const struct denial *other)
{
	return one->hash == other->hash && one->error == other->error &&
	       (one->call == other->call || one->error == ENOENT) && strcmp(one->path, other->path) == 0;
}

/* Printable, and no longer than shown: it goes to terminals and into lines of a bounded length. */
static void tidy(struct denial *denial, const char *path)
{
	size_t length = 0;

	denial->hash = 5381;
	for (; path[length] && length < PATH_SHOWN; length++) {
		const char c = path[length];
		denial->path[length] = c >= 0x20 && c < 0x7f ? c : '?';
		denial->hash = denial->hash * 33 + (unsigned char)denial->path[length];
	}
	if (path[length])
		memcpy(denial->path + PATH_SHOWN - 3, "...", 3);
	denial->path[length] = '\0';
}

static void add_call(struct text *text, int call)
{
	const char *name = calls_name(call);

	if (name)
		text_add(text, name);
	else
		text_print(text, "call %d", call);
}

static void journal(const struct denial *denial, uint64_t count)
{
	TEXT(line, JOURNAL_LINE_MAX);
	TEXT(call, 32);

	add_call(&call, denial->call);
	journal_begin(&line, "denial");
	text_add(&line, ",\"call\":");
	text_json(&line, call.bytes);
	text_add(&line, ",\"path\":");
	if (denial->path[0])
		text_json(&line, denial->path);
	else
		text_add(&line, "null");
	text_add(&line, ",\"answer\":");
	text_json(&line, errno_name(denial->error));
	text_add(&line, ",\"count\":");
	text_number(&line, (int64_t)count);
	journal_end(&line);
}

void denial_list_add(int call, int error, const char *path)
{
	struct denial fresh = {.call = call, .error = error, .count = 1};

	tidy(&fresh, path);
	for (unsigned i = 0; i < used; i++)
		if (is_same(&denials[i], &fresh)) {
			denials[i].count++;
			return;
		}
	if (used == LINES_MAX) {
		untold++;
		return;
	}
	denials[used++] = fresh;
}

void denial_list_tell(void)
{
	for (; told < used; told++) {
		journal(&denials[told], denials[told].count);
		denials[told].told = denials[told].count;
	}
}

/* Never waits: nobody may be kept alive by a reader who does not read. */
static void say(const struct text *line)
{
	struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (poll(&reader, 1, 0) == 1 && reader.revents & POLLOUT && write(STDERR_FILENO, line->bytes, line->length) < 0)
		return;
}

static void say_one(const struct denial *denial)
{
	TEXT(line, 512);

	if (denial->error == ENOENT && denial->path[0]) {
		text_print(&line, "plugins: not there: %s", denial->path);
	} else if (denial->error == EROFS) {
		text_print(&line, "plugins: read-only: %s", denial->path);
	} else {
		text_add(&line, "plugins: denied ");
		add_call(&line, denial->call);
		text_print(&line, " (%s)", errno_name(denial->error));
		if (denial->path[0])
			text_print(&line, " of %s", denial->path);
	}
	if (denial->count > 1)
		text_print(&line, " %llu times", (unsigned long long)denial->count);
	text_add(&line, "\n");
	say(&line);
}

static void say_all(void)
{
	TEXT(line, 256);

	for (int missing = 0; missing < 2; missing++)
		for (unsigned i = 0; i < used; i++)
			if ((denials[i].error == ENOENT || denials[i].error == EROFS) == missing)
				say_one(&denials[i]);
	if (untold > 0)
		text_print(&line, "plugins: and %llu more, not listed\n", (unsigned long long)untold);
	text_add(&line, used > 0 ? "plugins: this list helps an author; it is no record of all that was tried\n"
				 : "plugins: nothing was denied, and no path was missed\n");
	say(&line);
}

void denial_list_end(bool in_words)
{
	denial_list_tell();
	for (unsigned i = 0; i < used; i++)
		if (denials[i].count > denials[i].told)
			journal(&denials[i], denials[i].count - denials[i].told);
	if (in_words)
		say_all();
}
