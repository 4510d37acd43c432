#include "figures.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool figures_read(int at, const char *file, char *into, size_t size)
{
	const int fd = openat(at, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	const ssize_t got = read(fd, into, size - 1);
	close(fd);
	if (got < 0)
		return false;
	into[got] = '\0';
	return true;
}

int64_t figures_decimal(const char *string)
{
	int64_t number = 0;

	if (*string < '0' || *string > '9')
		return -1;
	for (; *string >= '0' && *string <= '9'; string++)
		number = number * 10 + (*string - '0');
	return number;
}

int64_t figures_keyed(const char *bytes, const char *key)
{
	const size_t length = strlen(key);

	for (const char *line = bytes; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		const size_t blanks = strncmp(line, key, length) == 0 ? strspn(line + length, " \t") : 0;
		if (blanks > 0)
			return figures_decimal(line + length + blanks);
	}
	return -1;
}
