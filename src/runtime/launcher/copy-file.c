#include "copy-file.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel.h"
#include "refusal.h"

/* linux/limits.h: a list of names and a value are at most as long. */
enum { XATTR_BYTES = 65536, CHUNK = 131072 };

static void spend(struct budget *budget, uint64_t bytes)
{
	budget->written += bytes;
	if (budget->written > budget->written_max)
		failed("there is no room for it: it takes more than the %llu bytes that may be written",
		       (unsigned long long)budget->written_max);
}

static void write_all(int into, const char *bytes, size_t size, int64_t at)
{
	while (size > 0) {
		const long written = syscall(SYS_pwrite64, into, bytes, size, at);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			failed("cannot write: %m");
		bytes += written;
		size -= (size_t)written;
		at += written;
	}
}

/* Where it ended: before `end` if the file has become shorter. */
static int64_t copy_range(int from, int into, int64_t at, int64_t end, struct budget *budget)
{
	static char chunk[CHUNK];

	while (at < end) {
		const size_t wanted = end - at < CHUNK ? (size_t)(end - at) : CHUNK;
		const long got = syscall(SYS_pread64, from, chunk, wanted, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			failed("cannot read: %m");
		if (got == 0)
			break;
		spend(budget, (uint64_t)got);
		write_all(into, chunk, (size_t)got, at);
		at += got;
	}
	return at;
}

void copy_data(int from, int into, const struct stat *status, struct budget *budget)
{
	int64_t size = status->st_size;

	budget->bytes += (uint64_t)status->st_blocks * 512;
	if (size == 0)
		return;
	if (ioctl(into, FICLONE, (void *)(intptr_t)from) == 0)
		return;
	for (int64_t at = 0; at < size;) {
		const int64_t data = syscall(SYS_lseek, from, at, SEEK_DATA);

		if (data >= size || (data < 0 && errno == ENXIO))
			break; /* a hole to its end */
		if (data < 0)
			failed("cannot find the data of a file: %m");
		const int64_t hole = syscall(SYS_lseek, from, data, SEEK_HOLE);
		const int64_t end = hole < 0 || hole > size ? size : hole;
		at = copy_range(from, into, data, end, budget);
		if (at < end)
			size = at;
	}
	if (syscall(SYS_ftruncate, into, size) < 0)
		failed("cannot set the size of a file: %m");
}

/* Not `security.` and `trusted.`: a plugin can make none, and nothing here may bring a capability along. */
static bool is_kept(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strncmp(name, "system.posix_acl_", 17) == 0;
}

static void copy_attributes(int from, int into)
{
	static char names[XATTR_BYTES + 1], value[XATTR_BYTES];
	const long size = syscall(SYS_flistxattr, from, names, XATTR_BYTES);

	if (size < 0 && errno != EOPNOTSUPP)
		failed("cannot read extended attributes: %m");
	for (const char *name = names; name < names + size; name += strlen(name) + 1) {
		if (!is_kept(name))
			continue;
		const long got = syscall(SYS_fgetxattr, from, name, value, sizeof value);
		if (got < 0 && errno == ENODATA)
			continue;
		if (got < 0)
			failed("cannot read an extended attribute: %m");
		if (syscall(SYS_fsetxattr, into, name, value, got, 0) < 0)
			failed("cannot set an extended attribute: %m");
	}
}

void copy_metadata(int from, int into, const struct stat *status)
{
	const struct timespec times[2] = {status->st_atim, status->st_mtim};

	if (syscall(SYS_fchown, into, status->st_uid, status->st_gid) < 0)
		failed("cannot give a file to uid %u: %m", (unsigned)status->st_uid);
	if (syscall(SYS_fchmod, into, status->st_mode & 07777) < 0)
		failed("cannot set the mode of a file: %m");
	copy_attributes(from, into);
	if (syscall(SYS_utimensat, into, NULL, times, 0) < 0)
		failed("cannot set the times of a file: %m");
}
