#include "rights.h"

#include <fcntl.h>
#include <string.h>

#include "figures.h"
#include "text.h"

static bool is_right(const char *line)
{
	static const char *const names[] = {"Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strncmp(line, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

bool rights_read(pid_t pid, struct rights *rights)
{
	static char status[8192];
	struct text kept = {rights->lines, 0, sizeof rights->lines};
	TEXT(path, 32);

	text_print(&path, "/proc/%d/status", (int)pid);
	if (!figures_read(AT_FDCWD, path.bytes, status, sizeof status) || strlen(status) == sizeof status - 1)
		return false;
	for (char *line = status, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		end[0] = '\0';
		if (!is_right(line))
			continue;
		text_print(&kept, "%s\n", line);
		/* Cut, it would be like others that begin so. */
		if (kept.length >= sizeof rights->lines - 1)
			return false;
	}
	return kept.length > 0;
}
