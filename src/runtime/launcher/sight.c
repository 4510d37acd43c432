#include "sight.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel.h"
#include "text.h"

enum { PAGE = 4096, MOUNTED_READ_ONLY = 1 /* ST_RDONLY */ };

/* The plugin's root: one for all its processes, which can neither chroot nor enter another mount namespace. */
static int root = -1;

/* A string of the plugin's, at most a page long: in two pieces, because the second page may not be there. */
static bool read_string(int pid, uint64_t address, char string[SIGHT_PATH_MAX])
{
	const size_t first = PAGE - address % PAGE;
	const struct iovec to = {string, SIGHT_PATH_MAX};
	const struct iovec from[2] = {
		{(void *)(uintptr_t)address, first}, {(void *)(uintptr_t)(address + first), SIGHT_PATH_MAX - first}};
	const long got = syscall(SYS_process_vm_readv, pid, &to, 1L, from, first < SIGHT_PATH_MAX ? 2L : 1L, 0L);

	for (long i = 0; i < got; i++)
		if (string[i] == '\0')
			return true;
	string[0] = '\0';
	return false;
}

/* Where a relative path starts: the kernel tells it as the plugin would see it. */
static bool read_folder(const struct seccomp_notif *asked, const struct call_path *at, struct text *path)
{
	const int fd = at->folder < 0 ? AT_FDCWD : (int)asked->data.args[at->folder];
	TEXT(link, 64);

	if (fd == AT_FDCWD)
		text_print(&link, "/proc/%u/cwd", asked->pid);
	else
		text_print(&link, "/proc/%u/fd/%d", asked->pid, fd);
	const long got = syscall(SYS_readlinkat, AT_FDCWD, link.bytes, path->bytes, path->capacity - 1);
	if (got <= 0 || path->bytes[0] != '/')
		return false;
	path->length = (size_t)got;
	path->bytes[got] = '\0';
	/* A folder that was removed: "/tmp/x (deleted)". */
	return path->bytes[got - 1] != ')';
}

static bool read_path(const struct seccomp_notif *asked, const struct call_path *at, char path[SIGHT_PATH_MAX])
{
	char given[SIGHT_PATH_MAX];
	struct text whole = {path, 0, SIGHT_PATH_MAX};

	path[0] = '\0';
	if (!read_string((int)asked->pid, asked->data.args[(int)at->path], given) || given[0] == '\0')
		return false;
	if (given[0] != '/') {
		if (!read_folder(asked, at, &whole)) {
			path[0] = '\0';
			text_add(&whole, given);
			return false;
		}
		if (whole.length > 1)
			text_add(&whole, "/");
	}
	text_add(&whole, given);
	return whole.length + 1 < whole.capacity;
}

void sight_read(const struct seccomp_notif *asked, const struct call_path *at, char path[SIGHT_PATH_MAX])
{
	read_path(asked, at, path);
}

/* Takes "x/.." and "." and "//" out, by the letters alone. */
static void fold(const char *path, char *folded)
{
	size_t length = 0;

	while (*path) {
		const size_t size = strcspn(path, "/");
		if (size == 2 && path[0] == '.' && path[1] == '.') {
			while (length > 0 && folded[--length] != '/')
				;
		} else if (size > 1 || (size == 1 && path[0] != '.')) {
			folded[length++] = '/';
			memcpy(folded + length, path, size);
			length += size;
		}
		path += size;
		path += *path == '/';
	}
	folded[length] = '\0';
}

static bool is_below(const char *path, const char *folder)
{
	const size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Where "not there" is the plugin's own affair, or would be said of us instead of it. */
static bool is_out_of_sight(const char *path)
{
	static const char *const own[] = {"/tmp", "/data", "/dev/shm", "/dev/fd", "/dev/stdin", "/dev/stdout",
					  "/dev/stderr"};

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (is_below(path, own[i]))
			return true;
	/* /proc/self is the one who looks; processes hide from those who may not see them. */
	return is_below(path, "/proc") && (path[5] == '\0' || strspn(path + 6, "0123456789") > 0 ||
					   is_below(path, "/proc/self") || is_below(path, "/proc/thread-self"));
}

/* Only its own files below /plugin can be missing there, and no sandbox hides those. */
static bool is_missed(const char *path)
{
	return !is_below(path, "/plugin");
}

static bool open_root(unsigned pid)
{
	TEXT(path, 32);

	if (root >= 0)
		return true;
	text_print(&path, "/proc/%u/root", pid);
	root = open(path.bytes, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root >= 0;
}

/* A file or folder on a read-only file system; a device there can be written. */
static bool is_read_only(int fd)
{
	struct stat status;
	struct statfs system;

	return fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) &&
	       fstatfs(fd, &system) == 0 && system.f_flags & MOUNTED_READ_ONLY;
}

static int look_up(const char *path, uint64_t also)
{
	return kernel_openat2(root, path, O_PATH | O_CLOEXEC | also, OPEN_IN_ROOT | OPEN_NO_MAGICLINKS);
}

/* It cannot be made if the folder it would be in is read-only. */
static int look_at_parent(char *folded)
{
	char *slash = strrchr(folded, '/');

	if (!slash)
		return 0;
	*slash = '\0';
	const int fd = look_up(slash == folded ? "/" : folded, O_DIRECTORY);
	*slash = '/';
	if (fd < 0)
		return errno == ENOENT && is_missed(folded) ? ENOENT : 0;
	const int error = is_read_only(fd) ? EROFS : 0;
	close(fd);
	return error;
}

int sight_look(const struct seccomp_notif *asked, const struct call_path *at, char path[SIGHT_PATH_MAX])
{
	char folded[SIGHT_PATH_MAX + 2];
	const uint64_t flags = at->flags < 0 ? 0 : asked->data.args[(int)at->flags];
	const bool opens = at->kind == OPENS;
	const bool makes = opens && flags & O_CREAT;

	if (!read_path(asked, at, path))
		return 0;
	fold(path, folded);
	if (is_out_of_sight(folded) || !open_root(asked->pid))
		return 0;
	const uint64_t follow = flags & (opens ? O_NOFOLLOW : AT_SYMLINK_NOFOLLOW) ? O_NOFOLLOW : 0;
	const int fd = look_up(path, follow);
	if (fd < 0) {
		if (errno != ENOENT)
			return 0;
		if (makes)
			return look_at_parent(folded);
		return is_missed(folded) ? ENOENT : 0;
	}
	const bool writes = opens && (makes || (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC);
	const int error = writes && is_read_only(fd) ? EROFS : 0;
	close(fd);
	return error;
}

void sight_end(void)
{
	if (root >= 0)
		close(root);
	root = -1;
}
