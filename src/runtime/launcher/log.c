#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h> /* rename */
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "journal.h"
#include "kernel.h"
#include "supervise.h"
#include "text.h"

enum { FOLDERS_MAX = 3 /* logs, namespace, name: made when the first line is written */ };

static const char *path;
static uint64_t bytes_max;
static int file = -1;
static uint64_t size;        /* of the file */
static char line[LOG_PIECE_MAX];
static size_t held;          /* of `line` */
static uint64_t position;    /* in the stream, of what is held */
static int64_t held_since_ms;
static int64_t window_ms;    /* when the window began, and what was written in it */
static uint64_t in_window;
static uint64_t left_out;    /* bytes of the plugin's that it had no room for */
static int64_t now_ms;       /* both clocks, looked at once for all lines that came together */
static struct timespec wall;

static void look_at_clocks(void)
{
	now_ms = supervise_clock_ms();
	clock_gettime(CLOCK_REALTIME, &wall);
}

void log_open(const struct spec *spec)
{
	path = spec->log_file;
	bytes_max = spec->log_bytes;
}

static void give_up(void)
{
	TEXT(text, JOURNAL_LINE_MAX);

	path = NULL;
	journal_begin(&text, "unwritable");
	text_add(&text, ",\"file\":\"log\"");
	journal_end(&text);
}

/* The folder that holds `path`, `up` levels above it; opened without following a link anywhere. */
static int open_above(int up, const char **name)
{
	char folder[4096];
	size_t end = strlen(path);

	for (int i = 0; i < up; i++)
		while (end > 1 && path[--end] != '/')
			;
	memcpy(folder, path, end);
	folder[end] = '\0';
	*name = path + end + 1;
	return kernel_openat2(AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_CLOEXEC, OPEN_NO_SYMLINKS | OPEN_NO_MAGICLINKS);
}

static void make_folders(void)
{
	for (int up = FOLDERS_MAX + 1; up > 1; up--) {
		const char *name;
		TEXT(own, 256);
		const int above = open_above(up, &name);

		if (above < 0)
			continue;
		for (; *name && *name != '/' && own.length < 255; name++)
			own.bytes[own.length++] = *name;
		own.bytes[own.length] = '\0';
		if (mkdirat(above, own.bytes, 0700) < 0 && errno != EEXIST)
			own.length = 0; /* opening the file says why */
		close(above);
	}
}

static int make_file(void)
{
	const struct open_how_v0 how = {.flags = O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, .mode = 0600,
					.resolve = OPEN_NO_SYMLINKS | OPEN_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* At its limit the file is set aside, and what was set aside before is gone. */
static void set_aside(void)
{
	TEXT(older, 4200);

	close(file);
	file = -1;
	size = 0;
	text_print(&older, "%s.1", path);
	if (rename(path, older.bytes) < 0)
		give_up();
}

static void write_line(const struct text *text)
{
	if (file >= 0 && size + text->length > bytes_max)
		set_aside();
	if (!path)
		return;
	if (file < 0) {
		file = make_file();
		if (file < 0 && errno == ENOENT) {
			make_folders();
			file = make_file();
		}
	}
	if (file < 0 || write(file, text->bytes, text->length) < 0)
		return give_up();
	size += text->length;
	in_window += text->length;
}

static void add_two(struct text *text, int64_t number)
{
	if (number < 10)
		text_add(text, "0");
	text_number(text, number);
}

/* RFC 3339, in UTC. The days of the proleptic Gregorian calendar, counted from 1 March of year 0 in eras of 400 years. */
static void add_time(struct text *text)
{
	const int64_t seconds = wall.tv_sec % 86400, ms = wall.tv_nsec / 1000000;
	const int64_t days = wall.tv_sec / 86400 + 719468;
	const int64_t era = days / 146097, of_era = days % 146097;
	const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	const int64_t shifted = (5 * of_year + 2) / 153; /* March is 0 */
	const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;

	text_number(text, year + era * 400 + (month <= 2));
	text_add(text, "-");
	add_two(text, month);
	text_add(text, "-");
	add_two(text, of_year - (153 * shifted + 2) / 5 + 1);
	text_add(text, "T");
	add_two(text, seconds / 3600);
	text_add(text, ":");
	add_two(text, seconds / 60 % 60);
	text_add(text, ":");
	add_two(text, seconds % 60);
	text_add(text, ms < 10 ? ".00" : ms < 100 ? ".0" : ".");
	text_number(text, ms);
	text_add(text, "Z ");
}

static void begin_line(struct text *text, const char *mark)
{
	add_time(text);
	text_print(text, "%llu %s ", (unsigned long long)position, mark);
}

static void tell(const char *sentence)
{
	TEXT(text, 1024);

	begin_line(&text, "!");
	for (; *sentence && text.length < sizeof text_bytes - 2; sentence++)
		text.bytes[text.length++] = *sentence == '\n' ? ' ' : *sentence;
	text.bytes[text.length++] = '\n';
	write_line(&text);
}

/* Is there room for `length` bytes more? A plugin that floods its log must not keep the host's disk busy. */
static bool has_room(size_t length)
{
	TEXT(sentence, 128);

	if (window_ms == 0 || now_ms - window_ms >= LOG_WINDOW_MS) {
		window_ms = now_ms;
		in_window = 0;
		if (left_out > 0) {
			text_print(&sentence, "left out %llu bytes: more than the log takes in %d s",
				   (unsigned long long)left_out, LOG_WINDOW_MS / 1000);
			left_out = 0;
			tell(sentence.bytes);
		}
	}
	return in_window + length <= bytes_max;
}

static void put_held(const char *mark, size_t ended)
{
	TEXT(text, LOG_PIECE_MAX + 128);

	if (has_room(held + 64)) {
		begin_line(&text, mark);
		memcpy(text.bytes + text.length, line, held);
		text.length += held;
		text.bytes[text.length++] = '\n';
		write_line(&text);
	} else {
		left_out += held + ended;
	}
	position += held + ended;
	held = 0;
}

void log_take(const char *bytes, size_t length)
{
	if (!path || length == 0)
		return;
	look_at_clocks();
	for (size_t i = 0; i < length && path; i++) {
		if (bytes[i] == '\n') {
			put_held("|", 1);
			continue;
		}
		if (held == LOG_PIECE_MAX)
			put_held("+", 0);
		line[held++] = bytes[i];
	}
	held_since_ms = now_ms;
}

void log_note(const char *sentence)
{
	if (!path)
		return;
	look_at_clocks();
	if (has_room(strlen(sentence) + 64))
		tell(sentence);
}

int64_t log_deadline(void)
{
	return held > 0 && path ? held_since_ms + LOG_PAUSE_MS : 0;
}

void log_look(int64_t at_ms)
{
	if (log_deadline() == 0 || at_ms < log_deadline())
		return;
	look_at_clocks();
	put_held("+", 0);
}

void log_close(void)
{
	TEXT(sentence, 128);

	if (path && (held > 0 || left_out > 0))
		look_at_clocks();
	if (path && held > 0)
		put_held("+", 0);
	if (path && left_out > 0) {
		text_print(&sentence, "left out %llu bytes: more than the log takes in %d s", (unsigned long long)left_out,
			   LOG_WINDOW_MS / 1000);
		tell(sentence.bytes);
	}
	if (file >= 0)
		close(file);
	/* A sentence that comes later must not go where another file has this number. */
	file = -1;
	path = NULL;
}
