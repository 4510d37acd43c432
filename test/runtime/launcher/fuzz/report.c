/* What the launcher reports, of any ending with any text in it: one line of JSON, in ASCII, never cut. For libFuzzer. */
#include "../../../../src/runtime/launcher/report.c"

#include <stdlib.h>
#include <sys/mman.h>

/* A reader of JSON that accepts nothing but what the report may be made of; gives the end of the value. */
static const char *value(const char *at);

static const char *expect(const char *at, char c)
{
	if (*at != c)
		abort();
	return at + 1;
}

static const char *string(const char *at)
{
	for (at = expect(at, '"'); *at != '"'; at++) {
		if (*at < 0x20 || *at > 0x7e)
			abort();
		if (*at != '\\')
			continue;
		at++;
		if (*at == 'u' && strspn(at + 1, "0123456789abcdef") >= 4)
			at += 4;
		else if (*at != '"' && *at != '\\')
			abort();
	}
	return at + 1;
}

static const char *items(const char *at, char close, bool named)
{
	if (*at == close)
		return at + 1;
	for (;;) {
		if (named)
			at = expect(string(at), ':');
		at = value(at);
		if (*at == close)
			return at + 1;
		at = expect(at, ',');
	}
}

static const char *value(const char *at)
{
	if (*at == '"')
		return string(at);
	if (*at == '{')
		return items(at + 1, '}', true);
	if (*at == '[')
		return items(at + 1, ']', false);
	if (strncmp(at, "null", 4) == 0)
		return at + 4;
	const size_t digits = strspn(at + (*at == '-'), "0123456789");
	if (digits == 0)
		abort();
	return at + (*at == '-') + digits;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t length)
{
	static int fd = -1;
	static struct spec of;
	static char said[32768];
	struct { unsigned char outcome, limit, error, layer, refused; unsigned met, weaker; int code, signal, pid; int64_t amounts[11]; } given = {0};
	struct refusal refusal = {0};
	struct ending ending = {0};

	memcpy(&given, bytes, length < sizeof given ? length : sizeof given);
	bytes += length < sizeof given ? length : sizeof given;
	length -= length < sizeof given ? length : sizeof given;
	ending.outcome = given.outcome % (REFUSED + 1);
	ending.limit = given.limit % (LIMIT_PROCESSES + 1);
	ending.code = given.code;
	ending.signal = given.signal % 65;
	ending.met = given.met;
	memcpy(&ending.wall_ms, given.amounts, sizeof given.amounts);
	refusal.error = given.error % (LAUNCH_FAILED + 1);
	refusal.layer = given.layer % (LAYER_COUNT + 1);
	if (refusal.layer == LAYER_COUNT)
		refusal.layer = LAYER_NONE;
	memcpy(refusal.reason, bytes, length < sizeof refusal.reason ? length : sizeof refusal.reason - 1);
	memcpy(ending.reason, bytes, length < sizeof ending.reason ? length : sizeof ending.reason - 1);
	if (ending.outcome == REFUSED || given.refused % 2)
		ending.refusal = &refusal;
	for (int layer = 0; layer < LAYER_COUNT; layer++)
		of.weaker[layer] = given.weaker >> (layer % 32) & 1;

	if (fd < 0)
		fd = memfd_create("report", 0);
	if (fd < 0 || ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	lines.length = 0;
	report_open(&of, fd);
	report_started(given.pid, ending.wall_ms, given.code);
	report_ended(&ending);
	const ssize_t got = pread(fd, said, sizeof said - 1, 0);
	if (got <= 0)
		abort();
	said[got] = '\0';
	const char *end = expect(value(expect(value(said), '\n')), '\n');
	if (*end != '\0' || end != said + got)
		abort();
	const int status = report_exit_status(&ending);
	if (ending.outcome != EXITED && (status <= 0 || status > 255))
		abort();
	return 0;
}
