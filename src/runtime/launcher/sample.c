#include "sample.h"

#include <fcntl.h>
#include <stdio.h> /* rename */
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "journal.h"
#include "processes.h"
#include "text.h"

enum { MINUTE_MS = 60000, MINUTES_OF_A_FILE = 720 };

/* One figure over the samples of a minute. */
struct series {
	int64_t sum, peak, samples;
};

/* Counters that only grow. */
struct totals {
	int64_t cpu_ms, io_read_bytes, io_write_bytes, output_bytes, network_bytes;
};

static struct {
	const struct spec *spec;
	int64_t next_ms, seen_ms;  /* the next sample, and the one before */
	int64_t minute_ms;         /* when the minute began */
	int64_t seen_wall_ms;      /* the last sample, by the clock on the wall */
	struct totals begun, seen; /* then, and at the last sample */
	struct series cpu, memory, processes;
	int64_t files_peak, samples; /* of the minute */
	int64_t files_ever;
	int file;
	unsigned lines;
	bool unwritable;
} state = {.file = -1, .files_ever = -1};

enum watched { MEMORY, CPU, FILES, WATCHED_COUNT };
static bool raised[WATCHED_COUNT];

void sample_open(const struct spec *spec, int64_t began_ms)
{
	state.spec = spec;
	state.seen_ms = state.minute_ms = began_ms;
	state.files_peak = -1;
	state.next_ms = spec->sample_ms > 0 ? began_ms + (int64_t)spec->sample_ms : 0;
}

int64_t sample_deadline(void)
{
	return state.next_ms;
}

int64_t sample_files_peak(void)
{
	return state.files_ever;
}

static int64_t wall_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void note(struct series *series, int64_t value)
{
	if (value < 0)
		return;
	series->sum += value;
	series->samples++;
	if (value > series->peak)
		series->peak = value;
}

/* One alert a crossing: only well below the threshold is it over, or a figure that wavers would tell of itself for ever. */
static void alert(enum watched limit, uint64_t threshold, int64_t value, uint64_t max)
{
	static const char *const names[] = {"memory", "cpu", "files"};
	TEXT(line, JOURNAL_LINE_MAX);

	if (threshold == 0 || max == 0 || value < 0)
		return;
	const uint64_t percent = (uint64_t)value * 100 / max;
	if (percent * 8 < threshold * 7)
		raised[limit] = false;
	if (percent < threshold || raised[limit])
		return;
	raised[limit] = true;
	journal_begin(&line, "alert");
	text_add(&line, ",\"limit\":");
	text_json(&line, names[limit]);
	text_print(&line, ",\"percent\":%llu,\"value\":%llu,\"max\":%llu", (unsigned long long)percent,
		   (unsigned long long)value, (unsigned long long)max);
	journal_end(&line);
}

static void complain(void)
{
	TEXT(line, JOURNAL_LINE_MAX);

	if (state.unwritable)
		return;
	state.unwritable = true;
	journal_begin(&line, "unwritable");
	text_add(&line, ",\"file\":\"minutes\"");
	journal_end(&line);
}

static void set_aside(void)
{
	TEXT(older, 4200);

	close(state.file);
	state.file = -1;
	state.lines = 0;
	text_print(&older, "%s.1", state.spec->samples_file);
	if (rename(state.spec->samples_file, older.bytes) < 0)
		complain();
}

static void keep(const struct text *line)
{
	if (!state.spec->samples_file || state.unwritable)
		return;
	if (state.file >= 0 && state.lines == MINUTES_OF_A_FILE)
		set_aside(); /* and what was set aside before is gone: a day at most */
	if (state.file < 0)
		state.file = open(state.spec->samples_file,
				  O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	state.lines++;
	if (state.file < 0 || write(state.file, line->bytes, line->length) < 0)
		complain();
}

static void add_series(struct text *line, const char *name, const struct series *series)
{
	text_print(line, ",\"%s\":", name);
	if (series->samples == 0)
		text_add(line, "null");
	else
		text_print(line, "{\"average\":%llu,\"peak\":%llu}",
			   (unsigned long long)(series->sum / series->samples), (unsigned long long)series->peak);
}

static void add_count(struct text *line, const char *name, int64_t amount)
{
	text_print(line, ",\"%s\":", name);
	if (amount < 0)
		text_add(line, "null");
	else
		text_number(line, amount);
}

/* What was used since; of a process that ended unseen, a sum can be less than it was. */
static int64_t since(int64_t before, int64_t now)
{
	if (now < 0)
		return -1;
	return before < 0 || now < before ? 0 : now - before;
}

static void end_minute(void)
{
	TEXT(line, 1024);
	const int64_t ms = state.seen_ms - state.minute_ms;
	const struct totals *begun = &state.begun, *seen = &state.seen;

	if (state.samples > 0 && ms > 0) {
		text_print(&line, "{\"event\":\"minute\",\"atMs\":%llu,\"ms\":%llu,\"samples\":%llu",
			   (unsigned long long)(state.seen_wall_ms - ms), (unsigned long long)ms,
			   (unsigned long long)state.samples);
		/* Over the whole minute, not over its samples: these may be uneven. */
		const int64_t cpu = since(begun->cpu_ms, seen->cpu_ms);
		struct series whole = {cpu * 1000 / ms, state.cpu.peak, cpu < 0 ? 0 : 1};
		add_series(&line, "cpuPermille", &whole);
		add_series(&line, "memoryBytes", &state.memory);
		add_series(&line, "processes", &state.processes);
		add_count(&line, "filesPeak", state.files_peak);
		add_count(&line, "ioReadBytes", since(begun->io_read_bytes, seen->io_read_bytes));
		add_count(&line, "ioWriteBytes", since(begun->io_write_bytes, seen->io_write_bytes));
		add_count(&line, "outputBytes", since(begun->output_bytes, seen->output_bytes));
		add_count(&line, "networkBytes", since(begun->network_bytes, seen->network_bytes));
		text_add(&line, "}\n");
		keep(&line);
	}
	state.minute_ms = state.seen_ms;
	state.begun = state.seen;
	state.cpu = state.memory = state.processes = (struct series){0};
	state.files_peak = -1;
	state.samples = 0;
}

void sample_take(int init, int64_t now_ms, struct sample_counts counts)
{
	const struct spec *spec = state.spec;
	const int64_t ms = now_ms - state.seen_ms;
	struct cgroup_now now;
	struct process_figures figures;

	cgroup_read_now(&now);
	processes_look(init, &figures);
	const int64_t cpu_ms = now.cpu_ms >= 0 ? now.cpu_ms : figures.cpu_ms;
	const int64_t memory = now.memory_bytes >= 0 ? now.memory_bytes : figures.memory_bytes;
	const int64_t cpu = cpu_ms < 0 || ms <= 0 ? -1 : since(state.seen.cpu_ms, cpu_ms) * 1000 / ms;

	note(&state.cpu, cpu);
	note(&state.memory, memory);
	note(&state.processes, now.processes >= 0 ? now.processes : figures.processes);
	if (figures.files > state.files_peak)
		state.files_peak = figures.files;
	if (figures.files > state.files_ever)
		state.files_ever = figures.files;
	state.samples++;
	state.seen_ms = now_ms;
	state.seen_wall_ms = wall_clock_ms();
	state.seen = (struct totals){cpu_ms, figures.io_read_bytes, figures.io_write_bytes, counts.output_bytes,
				     counts.network_bytes};
	alert(MEMORY, spec->alert_memory, memory, spec->memory_bytes);
	alert(CPU, spec->alert_cpu, cpu, spec->cpu_permille);
	alert(FILES, spec->alert_files, figures.files, spec->files);
	/* The one that comes nearest to a whole minute ends it. */
	if (now_ms - state.minute_ms + (int64_t)spec->sample_ms / 2 >= MINUTE_MS)
		end_minute();
	state.next_ms = now_ms + (int64_t)spec->sample_ms;
}

void sample_close(void)
{
	if (state.samples > 0)
		end_minute();
	if (state.file >= 0)
		close(state.file);
}
