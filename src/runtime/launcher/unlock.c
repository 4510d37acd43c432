/*
 * What a plugin kept belongs to its own id, and without root its user may not look into folders that are closed to others.
 * Whoever may map the id can become it for a moment. Nothing of the plugin runs meanwhile; no link is followed all the same.
 */
#include "unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "figures.h"
#include "ids.h"
#include "kernel.h"
#include "refusal.h"
#include "spec.h"

/* Each level is a descriptor. */
enum { DEPTH_MAX = 64, OPEN_TO_ALL = 0777 };

/* What getdents64 gives. */
struct entry {
	uint64_t inode;
	int64_t next;
	unsigned short size;
	unsigned char type;
	char name[];
};

static void walk(int fd, int depth)
{
	char bytes[4096] __attribute__((aligned(8)));
	long got;

	while ((got = syscall(SYS_getdents64, fd, bytes, sizeof bytes)) > 0)
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(const void *)(bytes + at);
			struct stat status;

			at += entry->size;
			if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
				continue;
			if (fstatat(fd, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode))
				continue;
			/* A folder of somebody else's is not ours to open, and whoever removes it will say so. */
			if (syscall(SYS_fchmodat, fd, entry->name, OPEN_TO_ALL) < 0)
				continue;
			const int child = openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (child < 0)
				continue;
			if (depth < DEPTH_MAX)
				walk(child, depth + 1);
			close(child);
		}
}

static uint32_t id_of(const char *digits)
{
	const size_t length = strlen(digits);

	if (length == 0 || length > 10 || strspn(digits, "0123456789") != length)
		failed("cannot map an id: it is not a number");
	const int64_t id = figures_decimal(digits);
	if (id == 0 || id >= UINT32_MAX)
		failed("cannot map an id: it is out of range");
	return (uint32_t)id;
}

static void NORETURN open_as_owner(int fd, int go)
{
	char byte;

	/* End of file: the maps could not be written. */
	if (read(go, &byte, 1) != 1)
		_exit(1);
	if (setresgid(INSIDE_ID, INSIDE_ID, INSIDE_ID) < 0 || setresuid(INSIDE_ID, INSIDE_ID, INSIDE_ID) < 0)
		_exit(1);
	walk(fd, 0);
	_exit(0);
}

int unlock(const char *folder, const char *uid, const char *gid)
{
	struct spec mapped = {.helper = true};
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	int go[2], status = 0;

	refusals_go_to(refusal_print);
	mapped.uid = id_of(uid);
	mapped.gid = id_of(gid);
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		failed("cannot open the folder %s: %m", folder);
	if (pipe2(go, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	const long pid = kernel_clone3(&arguments);
	if (pid < 0)
		unavailable(USER_NAMESPACE, "cannot make a new %s: %m", layer_names[LAYER_USER_NAMESPACE]);
	if (pid == 0) {
		close(go[1]);
		open_as_owner(fd, go[0]);
	}
	close(go[0]);
	ids_map(&mapped, (pid_t)pid);
	if (write(go[1], "g", 1) != 1 || waitpid((pid_t)pid, &status, 0) < 0 || status != 0)
		failed("cannot become uid %u for a moment", (unsigned)mapped.uid);
	return 0;
}
