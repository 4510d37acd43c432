#include "words.h"

#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>

#include "../figures.h"
#include "../kernel.h"
#include "../refusal.h"

static struct prctl_mm_map map;
static struct words words;
static char room[SPEC_BYTES_MAX];
static size_t used;

/* Field `number` of /proc/self/stat, counted as proc(5) does. */
static uint64_t field(const char *stat, int number)
{
	const char *at = strrchr(stat, ')');

	for (int now = 2; at && now < number; now++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	const int64_t value = at ? figures_decimal(at) : -1;
	return value < 0 ? 0 : (uint64_t)value;
}

bool words_prepare(void)
{
	char stat[2048];

	if (!figures_read(AT_FDCWD, "/proc/self/stat", stat, sizeof stat))
		return false;
	map = (struct prctl_mm_map){
		.start_code = field(stat, 26),
		.end_code = field(stat, 27),
		.start_stack = field(stat, 28),
		.start_data = field(stat, 45),
		.end_data = field(stat, 46),
		.start_brk = field(stat, 47),
		.arg_start = field(stat, 48),
		.arg_end = field(stat, 49),
		.env_start = field(stat, 50),
		.env_end = field(stat, 51),
		.exe_fd = (uint32_t)-1,
	};
	map.brk = (uint64_t)syscall(SYS_brk, 0L);
	/* Says the same as is so, to hear whether this kernel listens (CONFIG_CHECKPOINT_RESTORE). */
	return map.start_code != 0 && prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0;
}

static size_t copy(const char *from[], size_t count, const char *into[])
{
	for (size_t i = 0; i < count; i++) {
		const size_t size = strlen(from[i]) + 1;
		memcpy(room + used, from[i], size); /* the specification was no larger */
		into[i] = room + used;
		used += size;
	}
	return count;
}

const struct words *words_take(const struct spec *spec)
{
	map.arg_start = (uintptr_t)room;
	words.argument_count = copy((const char **)(uintptr_t)spec->arguments, spec->argument_count, words.arguments);
	map.arg_end = map.env_start = (uintptr_t)(room + used);
	words.environment_count = copy((const char **)(uintptr_t)spec->environment, spec->environment_count, words.environment);
	map.env_end = (uintptr_t)(room + used);
	map.brk = (uint64_t)syscall(SYS_brk, 0L);
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) < 0)
		failed("cannot show the program's arguments: %m");
	return &words;
}
