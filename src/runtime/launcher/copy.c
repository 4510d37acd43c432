/*
 * The copy of a tree that a plugin has made, and may be at work in. No path of it is ever resolved: every step is one name
 * in an open folder, and no link is followed. What opens differently than it looked a moment ago has been replaced, and is
 * left to the next look. The way up is `..`, compared with the folder that was left: depth costs no descriptor.
 */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "copy-file.h"
#include "copy-links.h"
#include "figures.h"
#include "freeze.h"
#include "ids.h"
#include "kernel.h"
#include "refusal.h"
#include "spec.h"
#include "text.h"

/* FEW: so many are flushed one by one; for more, one flush of the file system is less. */
enum { FEW = 64, DEPTH_MAX = 1 << 20, TARGET_SIZE = 4096, LEASE_MS = 60000, LEASE_STEP_MS = 20 };
#define ENTRIES_MAX (1UL << 22)
#define BYTES_MAX (1ULL << 53)

/* A folder on the way down: which one, and where to go on in it. */
struct level {
	dev_t device;
	ino_t inode;
	int64_t next;
};

/* What getdents64 gives. */
struct entry {
	uint64_t inode;
	int64_t next;
	unsigned short size;
	unsigned char type;
	char name[];
};

static struct level *levels; /* its pages exist only once they are written */
static struct budget budget;
static unsigned long entries, left_out;

static void sleep_ms(long ms)
{
	const struct timespec wait = {.tv_nsec = ms * 1000000L};

	nanosleep(&wait, NULL);
}

static void flush(int fd)
{
	if (entries <= FEW && syscall(SYS_fsync, fd) < 0)
		failed("cannot flush the copy: %m");
}

/* -1: it is something else by now, or gone. Whoever holds a lease on a file must let go within lease-break-time. */
static int open_file(int folder, const char *name)
{
	static long patience = LEASE_MS;

	for (;;) {
		const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 || errno == ENOENT || errno == ELOOP || errno == ENXIO)
			return fd;
		if (errno != EAGAIN || patience <= 0)
			failed("cannot open a file: %m");
		sleep_ms(LEASE_STEP_MS);
		patience -= LEASE_STEP_MS;
	}
}

/* A folder that gives one name twice was changed while it was read. */
static _Noreturn void cannot_make(const char *what)
{
	if (errno == EEXIST)
		failed("what it holds was moved meanwhile");
	failed("cannot make %s: %m", what);
}

static int make_file(int folder, const char *name)
{
	const int fd = (int)syscall(SYS_openat, folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		cannot_make("a file");
	return fd;
}

static void copy_file(int from, int into, const char *name)
{
	struct stat status;
	const int file = open_file(from, name);

	if (file < 0)
		return;
	if (fstat(file, &status) < 0)
		failed("cannot read the status of a file: %m");
	if (S_ISREG(status.st_mode) && !(status.st_nlink > 1 && copy_link(&status, into, name))) {
		const int fresh = make_file(into, name);

		copy_data(file, fresh, &status, &budget);
		copy_metadata(file, fresh, &status);
		flush(fresh);
		close(fresh);
		if (status.st_nlink > 1)
			copy_remember(&status, into, name);
	}
	close(file);
}

/* Links, FIFOs and sockets have no bytes: what is known of them by name is all there is. A device is left out. */
static void copy_special(int from, int into, const char *name, const struct stat *status)
{
	static char target[TARGET_SIZE];
	const struct timespec times[2] = {status->st_atim, status->st_mtim};

	if (S_ISLNK(status->st_mode)) {
		const long length = syscall(SYS_readlinkat, from, name, target, sizeof target - 1);
		if (length < 0)
			return; /* it is none any more */
		target[length] = '\0';
		if (symlinkat(target, into, name) < 0)
			cannot_make("a symbolic link");
	} else if (S_ISFIFO(status->st_mode) || S_ISSOCK(status->st_mode)) {
		if (mknodat(into, name, (status->st_mode & S_IFMT) | 0600, 0) < 0)
			cannot_make("a special file");
	} else {
		left_out++;
		return;
	}
	if (syscall(SYS_fchownat, into, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		failed("cannot give a special file to uid %u: %m", (unsigned)status->st_uid);
	if (!S_ISLNK(status->st_mode) && syscall(SYS_fchmodat, into, name, status->st_mode & 07777) < 0)
		failed("cannot set the mode of a special file: %m");
	if (syscall(SYS_utimensat, into, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		failed("cannot set the times of a special file: %m");
}

static int open_folder(int at, const char *name)
{
	return openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static void know(struct level *level, int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		failed("cannot read the status of a folder: %m");
	*level = (struct level){.device = status.st_dev, .inode = status.st_ino};
}

/* Goes into the folder `name` of both; false: it is none any more. */
static bool descend(int *from, int *into, const char *name, size_t depth)
{
	const int child = open_folder(*from, name);

	if (child < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return false;
	if (child < 0)
		failed("cannot open a folder: %m");
	if (depth == DEPTH_MAX)
		failed("it is more than %d folders deep", (int)DEPTH_MAX);
	if (mkdirat(*into, name, 0700) < 0)
		cannot_make("a folder");
	const int fresh = open_folder(*into, name);
	if (fresh < 0)
		failed("cannot open a folder: %m");
	know(&levels[depth], child);
	close(*from);
	close(*into);
	*from = child;
	*into = fresh;
	return true;
}

static void finish(int from, int into)
{
	struct stat status;

	if (fstat(from, &status) < 0)
		failed("cannot read the status of a folder: %m");
	copy_metadata(from, into, &status);
	flush(into);
	close(from);
	close(into);
}

static void ascend(int *from, int *into, const struct level *above)
{
	const int from_above = open_folder(*from, ".."), into_above = open_folder(*into, "..");
	struct level found;

	if (from_above < 0 || into_above < 0)
		failed("cannot open a folder: %m");
	know(&found, from_above);
	if (found.device != above->device || found.inode != above->inode)
		failed("what it holds was moved meanwhile");
	finish(*from, *into);
	if (syscall(SYS_lseek, from_above, above->next, SEEK_SET) < 0)
		failed("cannot go on in a folder: %m");
	*from = from_above;
	*into = into_above;
}

/* true: `from` and `into` are another folder now. */
static bool copy_entry(int *from, int *into, const char *name, size_t depth)
{
	struct stat status;

	if (++entries > ENTRIES_MAX)
		failed("it holds more than %llu files", (unsigned long long)ENTRIES_MAX);
	if (fstatat(*from, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return false;
		failed("cannot read the status of a file: %m");
	}
	if (S_ISDIR(status.st_mode))
		return descend(from, into, name, depth + 1);
	if (S_ISREG(status.st_mode))
		copy_file(*from, *into, name);
	else
		copy_special(*from, *into, name, &status);
	return false;
}

static void copy_folder(int from, int into)
{
	char bytes[8192] __attribute__((aligned(8)));
	size_t depth = 0;

	know(&levels[0], from);
	for (;;) {
		const long got = syscall(SYS_getdents64, from, bytes, sizeof bytes);

		if (got < 0 && errno != ENOENT) /* removed while we are in it */
			failed("cannot read a folder: %m");
		if (got <= 0 && depth == 0)
			break;
		if (got <= 0) {
			depth--;
			ascend(&from, &into, &levels[depth]);
			continue;
		}
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(const void *)(bytes + at);

			at += entry->size;
			levels[depth].next = entry->next;
			if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
				continue;
			if (copy_entry(&from, &into, entry->name, depth)) {
				depth++;
				break;
			}
		}
	}
	copy_forget();
	finish(from, into);
}

/* What is to become the copy of a folder may be there: then it has to be empty. */
static int open_empty(const char *path)
{
	char bytes[256] __attribute__((aligned(8)));
	long got;

	if (mkdirat(AT_FDCWD, path, 0700) < 0 && errno != EEXIST)
		failed("cannot make %s: %m", path);
	const int fd = open_folder(AT_FDCWD, path);
	if (fd < 0)
		failed("cannot open the folder %s: %m", path);
	while ((got = syscall(SYS_getdents64, fd, bytes, sizeof bytes)) > 0)
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(const void *)(bytes + at);

			at += entry->size;
			if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
				failed("cannot copy into %s: it is not empty", path);
		}
	return fd;
}

static int say(void)
{
	TEXT(line, 160);

	text_print(&line, "{\"bytes\":%llu,\"entries\":%llu,\"leftOut\":%llu}\n", (unsigned long long)budget.bytes,
		   (unsigned long long)entries, (unsigned long long)left_out);
	return write(STDOUT_FILENO, line.bytes, line.length) < 0 ? 125 : 0;
}

static int copy_all(int from, const char *into_path)
{
	struct stat status;

	if (fstat(from, &status) < 0)
		failed("cannot read the status of what is to be copied: %m");
	if (S_ISDIR(status.st_mode)) {
		const int into = open_empty(into_path);

		levels = (struct level *)syscall(SYS_mmap, NULL, (DEPTH_MAX + 1UL) * sizeof levels[0],
						 PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
						 -1, 0L);
		if (levels == MAP_FAILED)
			failed("cannot reserve memory: %m");
		const int top = fcntl(into, F_DUPFD_CLOEXEC, 0);
		if (top < 0)
			failed("cannot keep a descriptor: %m");
		copy_links_in(top);
		copy_folder(from, into);
		if (entries > FEW && syscall(SYS_syncfs, top) < 0)
			failed("cannot flush the copy: %m");
		return say();
	}
	if (!S_ISREG(status.st_mode))
		failed("what is to be copied is neither a file nor a folder");
	const int into = make_file(AT_FDCWD, into_path);
	copy_data(from, into, &status, &budget);
	copy_metadata(from, into, &status);
	thaw();
	if (syscall(SYS_fsync, into) < 0)
		failed("cannot flush the copy: %m");
	return say();
}

static uint64_t number_of(const char *what, const char *digits, uint64_t max)
{
	const size_t length = strlen(digits);

	if (length == 0 || length > 16 || strspn(digits, "0123456789") != length)
		failed("cannot read %s: not a number", what);
	const uint64_t value = (uint64_t)figures_decimal(digits);
	if (value > max)
		failed("cannot read %s: more than %llu", what, (unsigned long long)max);
	return value;
}

/* Whoever started this is gone: nobody waits for the copy. */
static void end_with_parent(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		failed("cannot be bound to the parent process: %m");
}

/*
 * An ordinary user's: the plugin's files belong to an id of its own and may be closed to its user, who may map that id. In
 * a user namespace with both, this process may do with the files of both what root may.
 */
static int copy_as(int from, const char *into_path, uint32_t uid, uint32_t gid)
{
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	int go[2], status = 0;
	char byte;

	if (pipe2(go, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	const pid_t pid = (pid_t)kernel_clone3(&arguments);
	if (pid < 0)
		unavailable(USER_NAMESPACE, "cannot make a new %s: %m", layer_names[LAYER_USER_NAMESPACE]);
	if (pid == 0) {
		close(go[1]);
		/* End of file: the maps could not be written, and the parent has said why. */
		if (read(go[0], &byte, 1) != 1)
			_exit(125);
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			failed("cannot become root of a user namespace: %m");
		end_with_parent();
		_exit(copy_all(from, into_path));
	}
	close(go[0]);
	ids_map_with_caller(pid, uid, gid);
	if (write(go[1], "g", 1) != 1)
		failed("cannot release the copy: %m");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			failed("cannot wait for the copy: %m");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

int copy(int argc, char **argv)
{
	const bool with_ids = argc == 6 && strcmp(argv[3], "--as") == 0;
	const bool with_mount = argc == 5 && strcmp(argv[3], "--frozen") == 0;
	struct stat status;

	refusals_go_to(refusal_print);
	if (argc != 3 && !with_ids && !with_mount)
		failed("cannot understand the arguments of --copy: FROM INTO BYTES [--as UID GID | --frozen MOUNT]");
	budget.written_max = number_of("the bytes", argv[2], BYTES_MAX);
	const uint32_t uid = with_ids ? (uint32_t)number_of("the uid", argv[4], UINT32_MAX - 1ULL) : 0;
	const uint32_t gid = with_ids ? (uint32_t)number_of("the gid", argv[5], UINT32_MAX - 1ULL) : 0;
	end_with_parent();
	const int from = open(argv[0], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (from < 0 || fstat(from, &status) < 0)
		failed("cannot open %s: %m", argv[0]);
	if (with_mount)
		freeze(argv[4], status.st_dev);
	return geteuid() == 0 ? copy_all(from, argv[1]) : copy_as(from, argv[1], uid, gid);
}

int exchange(const char *one, const char *other)
{
	refusals_go_to(refusal_print);
	if (syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) < 0)
		failed("cannot exchange %s and %s: %m", one, other);
	return 0;
}
