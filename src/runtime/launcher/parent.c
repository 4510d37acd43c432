#include "parent.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "preload-letters.h"
#include "refusal.h"
#include "text.h"

enum { BACKLOG = 64 };

static int listener = -1;
static char family[4096 + 80];

static void write_control(int folder, const char *file, const char *value)
{
	const int fd = openat(folder, file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		unavailable(KILL_TREE, "cannot write %s to %s of cgroup %s: %m", value, file, family);
	close(fd);
}

/*
 * CLONE_INTO_CGROUP asks whether the caller may move a process out of the cgroup that its own and the new one have in common.
 * The parent may in this one, which holds nothing else, as the owner of one file. No process of a run sees a cgroup file
 * system, so nobody else has any use for that.
 */
static void make_family(struct spec *spec)
{
	static const struct { unsigned bit; const char *value; } controllers[] = {
		{CONTROLS_MEMORY, "+memory"}, {CONTROLS_PIDS, "+pids"}, {CONTROLS_CPU, "+cpu"}, {CONTROLS_IO, "+io"}};
	struct text path = {family, 0, sizeof family};

	text_print(&path, "%s/bulkhead-%s", spec->cgroup2, spec->run);
	if (mkdirat(AT_FDCWD, family, 0755) < 0 && errno != EEXIST)
		unavailable(KILL_TREE, "cannot make cgroup %s: %m", family);
	const int folder = open(family, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (folder < 0)
		unavailable(KILL_TREE, "cannot open cgroup %s: %m", family);
	for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++)
		if (spec->cgroup2_controllers & controllers[i].bit)
			write_control(folder, "cgroup.subtree_control", controllers[i].value);
	if (syscall(SYS_fchownat, folder, "cgroup.procs", (uid_t)spec->uid, (gid_t)-1, 0) < 0)
		unavailable(KILL_TREE, "cannot open cgroup %s to the preloaded parent: %m", family);
	close(folder);
	spec->cgroup2 = family;
}

/* Where the folder is, and that nobody else may enter it, is what lets only its owner call. */
static void listen_in(const char *path)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = PRELOAD_SOCKET};
	struct stat status;
	const int folder = kernel_openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, OPEN_NO_SYMLINKS | OPEN_NO_MAGICLINKS);

	if (folder < 0 || fstat(folder, &status) < 0)
		failed("cannot open the folder %s: %m", path);
	if (status.st_uid != geteuid() || (status.st_mode & 077) != 0)
		failed("cannot make a socket in %s: it is open to others", path);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener < 0 || fchdir(folder) < 0 || bind(listener, (const struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listener, BACKLOG) < 0 || chdir("/") < 0)
		failed("cannot listen in %s: %m", path);
	close(folder);
}

void parent_prepare(struct spec *spec)
{
	if (!spec->parent)
		return;
	make_family(spec);
	listen_in(spec->parent);
}

int parent_listener(void)
{
	return listener;
}

/* Those that came out of it died with it; their launchers take their leaves away at this moment. */
void parent_remove(void)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (family[0] == '\0')
		return;
	for (int tries = 0; unlinkat(AT_FDCWD, family, AT_REMOVEDIR) < 0 && errno == EBUSY && tries < 2000; tries++)
		nanosleep(&pause, NULL);
}
