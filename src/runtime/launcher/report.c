#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h> /* rename */
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "text.h"

static const struct spec *spec;
static int stream = -1;
static char lines_bytes[16384];
static struct text lines = {lines_bytes, 0, sizeof lines_bytes};

static const char *const outcome_names[] = {"exited", "signalled", "limited", "refused"};
static const char *const limit_names[] = {NULL, "memory", "wall-time", "idle", "output", "file-size", "processes"};
static const struct { unsigned bit; const char *name; } met_names[] = {
	{MET_PROCESSES, "processes"}, {MET_TMP, "tmp"}, {MET_DATA, "data"}, {MET_CPU, "cpu"}, {MET_MEMORY, "memory"},
	{MET_CONNECTIONS, "connections"}, {MET_NETWORK, "network"}};

void report_open(const struct spec *of, int fd)
{
	spec = of;
	stream = fd;
}

/* Nobody is left to tell about a failure here but the person at the terminal. */
static void complain(const char *path)
{
	TEXT(text, 4352);

	text_print(&text, "plugins: cannot write %s: %m\n", path);
	if (write(2, text.bytes, text.length) < 0)
		return;
}

static int write_whole(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		const ssize_t put = write(fd, bytes, length);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

/*
 * A reader sees the old file or the whole new one. Not synced: a report lost in a power cut is taken up as a lost
 * run, and the two fsyncs cost more than the whole sandbox on a busy disk.
 */
static void replace_file(const char *path, const char *bytes, size_t length, mode_t mode)
{
	char fresh[4200];
	const size_t size = strlen(path);

	memcpy(fresh, path, size);
	memcpy(fresh + size, ".new", 5);
	if (unlink(fresh) < 0 && errno != ENOENT)
		return complain(fresh);
	const int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return complain(fresh);
	if (write_whole(fd, bytes, length) < 0 || rename(fresh, path) < 0) {
		complain(path);
		if (unlink(fresh) < 0 && errno != ENOENT)
			complain(fresh);
	}
	close(fd);
}

/* A line that could not be written means that the reader is gone, and then so are we soon. */
static void add_line(const struct text *line)
{
	if (stream >= 0 && write_whole(stream, line->bytes, line->length) < 0)
		return;
	text_add(&lines, line->bytes);
}

void report_started(int pid, int64_t at_ms, int landlock_abi)
{
	TEXT(line, 256);

	text_add(&line, "{\"event\":\"started\",\"pid\":");
	text_number(&line, pid);
	text_add(&line, ",\"startedAtMs\":");
	text_number(&line, at_ms);
	text_add(&line, ",\"landlockAbi\":");
	text_number(&line, landlock_abi);
	text_add(&line, "}\n");
	add_line(&line);
}

void report_held(void)
{
	TEXT(line, 32);

	text_add(&line, "{\"event\":\"held\"}\n");
	add_line(&line);
}

static void add_name(struct text *line, const char *key, const char *value)
{
	text_add(line, ",\"");
	text_add(line, key);
	text_add(line, "\":");
	if (value)
		text_json(line, value);
	else
		text_add(line, "null");
}

/* Null as well where it is more than a reader of JSON takes: nobody has counted that. */
static void add_amount(struct text *line, const char *before, int64_t amount)
{
	text_add(line, before);
	if (amount < 0 || amount >= INT64_C(1) << 53)
		text_add(line, "null");
	else
		text_number(line, amount);
}

static void add_list_item(struct text *line, bool *first, const char *name)
{
	if (!*first)
		text_add(line, ",");
	*first = false;
	text_json(line, name);
}

static const char *reason_of(const struct ending *ending)
{
	if (ending->refusal)
		return ending->refusal->reason;
	return ending->reason[0] ? ending->reason : NULL;
}

static void tell_person(const char *reason)
{
	TEXT(text, 1024);
	struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};

	text_print(&text, "plugins: %s\n", reason);
	/* Never waits: nobody may be kept alive by a reader who does not read. */
	if (poll(&terminal, 1, 0) == 1 && terminal.revents & POLLOUT && write(STDERR_FILENO, text.bytes, text.length) < 0)
		return;
}

void report_ended(const struct ending *ending)
{
	TEXT(line, 8192);
	TEXT(signal, 32);
	bool first = true;

	if (ending->outcome == SIGNALLED || ending->outcome == LIMITED) {
		const char *name = signal_name(ending->signal);
		if (name)
			text_add(&signal, name);
		else if (ending->signal > 0)
			text_print(&signal, "SIG%d", ending->signal); /* real-time signals have no names */
	}
	text_add(&line, "{\"event\":\"ended\"");
	add_name(&line, "outcome", outcome_names[ending->outcome]);
	add_amount(&line, ",\"code\":", ending->outcome == EXITED ? ending->code : -1);
	add_name(&line, "signal", signal.length > 0 ? signal.bytes : NULL);
	add_name(&line, "limit", limit_names[ending->limit]);
	add_name(&line, "reason", reason_of(ending));
	add_name(&line, "error", ending->refusal ? error_names[ending->refusal->error] : NULL);
	if (ending->refusal && ending->refusal->layer != LAYER_NONE)
		add_name(&line, "layer", layer_names[ending->refusal->layer]);
	text_add(&line, ",\"limitsMet\":[");
	for (size_t i = 0; i < sizeof met_names / sizeof met_names[0]; i++)
		if (ending->met & met_names[i].bit)
			add_list_item(&line, &first, met_names[i].name);
	text_add(&line, "],\"weaker\":[");
	first = true;
	for (int layer = 0; spec && layer < LAYER_COUNT; layer++)
		if (spec->weaker[layer])
			add_list_item(&line, &first, layer_names[layer]);
	text_add(&line, "],\"usage\":{");
	add_amount(&line, "\"wallMs\":", ending->wall_ms);
	add_amount(&line, ",\"cpuMs\":", ending->cpu_ms);
	add_amount(&line, ",\"memoryPeakBytes\":", ending->memory_peak_bytes);
	add_amount(&line, ",\"processesPeak\":", ending->processes_peak);
	add_amount(&line, ",\"ioReadBytes\":", ending->io_read_bytes);
	add_amount(&line, ",\"ioWriteBytes\":", ending->io_write_bytes);
	add_amount(&line, ",\"outputBytes\":", ending->output_bytes);
	add_amount(&line, ",\"tmpBytes\":", ending->tmp_bytes);
	add_amount(&line, ",\"dataBytes\":", ending->data_bytes);
	add_amount(&line, ",\"filesPeak\":", ending->files_peak);
	add_amount(&line, ",\"networkBytes\":", ending->network_bytes);
	text_add(&line, "}}\n");
	add_line(&line);
	if (stream < 0 && spec && spec->report_file)
		replace_file(spec->report_file, lines.bytes, lines.length, 0600);
	if (spec && spec->outcome_file) {
		/* The outcome alone: what comes before its first field only tells the lines of the stream apart. */
		const size_t before = sizeof "{\"event\":\"ended\"" - 1;
		line.bytes[before] = '{';
		replace_file(spec->outcome_file, line.bytes + before, line.length - before, 0644);
	}
	if (stream < 0 && reason_of(ending))
		tell_person(reason_of(ending));
}

int report_exit_status(const struct ending *ending)
{
	switch (ending->outcome) {
	case EXITED: return ending->code;
	case SIGNALLED: return 128 + ending->signal;
	case LIMITED:
		switch (ending->limit) {
		case LIMIT_PROCESSES:
		case LIMIT_MEMORY: return 137;
		case LIMIT_OUTPUT:
		case LIMIT_FILE_SIZE: return 153;
		case LIMIT_WALL_TIME:
		case LIMIT_IDLE:
		case LIMIT_NONE: return 124;
		}
		break;
	case REFUSED:
		if (ending->refusal->error == ENTRY_NOT_EXECUTABLE)
			return 126;
		return ending->refusal->error == ENTRY_NOT_FOUND ? 127 : 125;
	}
	return 125;
}
