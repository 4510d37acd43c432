/*
 * Two helpers, each in the place of the one before, share memory and descriptors with the launcher. The first mounts every tree
 * in a mount namespace of its own; the second is cloned out of it into a new user namespace, whose copies of these mounts the
 * kernel locks (lock_mnt_tree), and takes them off there again: what is copied of a locked mount is locked.
 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clone.h"
#include "kernel.h"
#include "mounts.h"
#include "refusal.h"
#include "text.h"

enum { STACK_BYTES = 16384, NAME_MAX_BYTES = 16 };

static int *places[MOUNTS_MAX];
static size_t count;
static int stage = -1;
static const char *volatile step;
static volatile int error;
static volatile bool done; /* by the second: whoever is killed on the way leaves it as it was */
static volatile pid_t helpers[2];

static int give_up(const char *what)
{
	error = errno;
	step = what;
	return 1;
}

static const char *name_of(size_t index)
{
	static char name[NAME_MAX_BYTES];
	struct text text = {name, 0, sizeof name};

	text_number(&text, (int64_t)index);
	return name;
}

/* Both are the launcher's children, which waits here until their work is done, and elsewhere until they are taken down. */
static bool clone_helper(uint64_t flags, char *stack, int (*function)(void *), volatile pid_t *pid)
{
	const struct clone_args arguments = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWNS | flags,
		.stack = (uint64_t)(uintptr_t)stack,
		.stack_size = STACK_BYTES,
	};
	const long got = clone_to(&arguments, sizeof arguments, function, NULL);

	if (got < 0)
		errno = (int)-got;
	else
		*pid = (pid_t)got;
	return got >= 0;
}

static int take_copies(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < count; i++) {
		/* With what is mounted below, which cannot be taken off any more. */
		const int tree = open_tree(AT_FDCWD, name_of(i), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
		if (tree < 0)
			return give_up("copy a mount that is locked");
		close(*places[i]);
		*places[i] = tree;
	}
	done = true;
	return 0;
}

static int mount_all(void *unused)
{
	static char stack[STACK_BYTES] __attribute__((aligned(64)));

	(void)unused;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return give_up("make the mounts private");
	/* Whoever's root is not the one of their mount namespace is given no user namespace. */
	if (move_mount(stage, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(stage) < 0 ||
	    syscall(SYS_chroot, ".") < 0)
		return give_up("mount a place for mounts");
	for (size_t i = 0; i < count; i++)
		if (move_mount(*places[i], "", stage, name_of(i), MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return give_up("mount what is to be locked");
	if (!clone_helper(CLONE_NEWUSER | CLONE_PARENT, stack, take_copies, &helpers[1]))
		return give_up("make a user namespace to lock mounts in");
	return 0;
}

/* Of empty files and folders, for the moment in which something is mounted on them. */
static void make_places(void)
{
	const int context = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot make a place for mounts: %m");
	stage = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (stage < 0)
		unavailable(MOUNT_NAMESPACE, "cannot mount a place for mounts: %m");
	close(context);
	for (size_t i = 0; i < count; i++) {
		struct stat status;
		if (fstat(*places[i], &status) < 0)
			failed("cannot read the status of a mount: %m");
		if (S_ISDIR(status.st_mode) ? mkdirat(stage, name_of(i), 0755) < 0
					    : mknodat(stage, name_of(i), S_IFREG | 0444, 0) < 0)
			failed("cannot make a place for a mount: %m");
	}
}

void lock_trees(const struct spec *spec)
{
	static char stack[STACK_BYTES] __attribute__((aligned(64)));

	count = mounts_places(spec, places);
	make_places();
	if (!clone_helper(0, stack, mount_all, &helpers[0]))
		unavailable(MOUNT_NAMESPACE, "cannot make a mount namespace to lock mounts in: %m");
	if (step) {
		errno = error;
		unavailable(MOUNT_NAMESPACE, "cannot %s: %m", step);
	}
	if (!done)
		failed("cannot lock mounts: who was to do it has ended");
	close(stage);
}

void lock_reap(void)
{
	for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++)
		while (helpers[i] > 0 && waitpid(helpers[i], NULL, __WALL) < 0 && errno == EINTR)
			continue;
}
