#include "refusal.h"

#include <errno.h>
#include <unistd.h>

#include "text.h"

const char *const error_names[] = {
	[SPEC_INVALID] = "SPEC_INVALID",
	[LAYER_UNAVAILABLE] = "LAYER_UNAVAILABLE",
	[ENTRY_NOT_FOUND] = "ENTRY_NOT_FOUND",
	[ENTRY_NOT_EXECUTABLE] = "ENTRY_NOT_EXECUTABLE",
	[LAUNCH_FAILED] = "LAUNCH_FAILED",
	[PRELOAD_FAILED] = "PRELOAD_FAILED",
};

static refusal_sink *sink_of_process;

void refusal_bound(struct refusal *refusal)
{
	if ((unsigned)refusal->error >= sizeof error_names / sizeof error_names[0])
		refusal->error = LAUNCH_FAILED;
	if ((unsigned)refusal->layer > LAYER_NONE)
		refusal->layer = LAYER_NONE;
	refusal->reason[sizeof refusal->reason - 1] = '\0';
}

void refusals_go_to(refusal_sink *sink)
{
	sink_of_process = sink;
}

void refusal_print(const struct refusal *refusal)
{
	TEXT(line, sizeof refusal->reason + 16);

	text_print(&line, "plugins: %s\n", refusal->reason);
	if (write(STDERR_FILENO, line.bytes, line.length) < 0)
		_exit(125);
	_exit(125);
}

void refuse(enum error error, enum layer layer, const char *format, ...)
{
	struct refusal refusal = {.error = error, .layer = layer, .number = errno};
	struct text reason = {refusal.reason, 0, sizeof refusal.reason};
	va_list arguments;

	va_start(arguments, format);
	text_format(&reason, format, arguments);
	va_end(arguments);
	if (sink_of_process)
		sink_of_process(&refusal);
	_exit(125);
}
