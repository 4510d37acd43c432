/*
 * A fork copies, and an exit takes apart, an entry for each page that was ever written: ten thousand after pandas was
 * imported. Where 2 MiB of memory lie in one piece it is one entry, until a copy writes to it; measured, fork and exit take
 * two thirds of the time. Only what is there is joined. What a copy asks for later comes in small pages, as ever.
 */
#include "pages.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MADVISE_COLLAPSE = 25 };
#define HUGE ((uintptr_t)2 << 20)

/* What stands after the fifth blank and those that follow it; nothing for memory without a name. */
static const char *name_of(const char *line)
{
	for (int blanks = 0; blanks < 4; blanks++) {
		line = strchr(line, ' ');
		if (!line)
			return "";
		line++;
	}
	return line + strcspn(line, " ") + strspn(line + strcspn(line, " "), " ");
}

/* "BEGIN-END rw-p …" of memory without a file, or of the heap. */
static void join_range(const char *line)
{
	uintptr_t ends[2] = {0, 0};
	const char *at = line;

	for (int i = 0; i < 2; i++, at++)
		for (; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
			ends[i] = ends[i] * 16 + (uintptr_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	const char *name = name_of(at);
	if (strncmp(at, "rw-p", 4) != 0 || (*name != '\0' && strcmp(name, "[heap]") != 0))
		return;
	const uintptr_t from = (ends[0] + HUGE - 1) & -HUGE, to = ends[1] & -HUGE;
	for (uintptr_t piece = from; piece < to; piece += HUGE)
		madvise((void *)piece, HUGE, MADVISE_COLLAPSE); /* refused: it stays as it is */
}

void pages_join(void)
{
	static char maps[1 << 20] __attribute__((aligned(4096)));
	size_t length = 0;
	const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	for (ssize_t got; length < sizeof maps - 1 && (got = read(fd, maps + length, sizeof maps - 1 - length)) > 0;)
		length += (size_t)got;
	close(fd);
	for (char *line = maps, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		join_range(line);
	}
	madvise(maps, sizeof maps, MADV_DONTNEED);
}
