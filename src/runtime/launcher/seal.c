#include "seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"
#include "refusal.h"
#include "text.h"

enum { DEPTH_MAX = 128, PATH_SIZE = 4096 };
#define ENTRIES_MAX (1UL << 20)
#define ARENA_BYTES (1UL << 30)

/* Pages of the arena exist only once they are written. A record is its path, a NUL, and the rest of its line. */
static char *arena;
static size_t arena_used;
static const char **records;
static size_t record_count;

/* What getdents64 gives. */
struct entry {
	uint64_t inode;
	int64_t next;
	unsigned short size;
	unsigned char type;
	char name[];
};

static void *reserve(size_t size)
{
	void *memory = (void *)syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				       -1, 0);

	if (memory == MAP_FAILED)
		failed("cannot reserve memory for the seal: %m");
	return memory;
}

static unsigned long long nanoseconds(struct timespec time)
{
	return (unsigned long long)time.tv_sec * 1000000000ULL + (unsigned long long)time.tv_nsec;
}

static void add_record(const char *path, const struct stat *status)
{
	TEXT(line, 160);
	const size_t length = strlen(path);
	const char *type = S_ISREG(status->st_mode) ? "f" : S_ISDIR(status->st_mode) ? "d" : "?";

	text_print(&line, "%s %llu %llu %llu %o %llu %llu\n", type, (unsigned long long)status->st_dev,
		   (unsigned long long)status->st_ino, (unsigned long long)status->st_size, status->st_mode & 07777,
		   nanoseconds(status->st_mtim), nanoseconds(status->st_ctim));
	if (record_count == ENTRIES_MAX || arena_used + length + line.length + 2 > ARENA_BYTES)
		failed("cannot seal the tree: it has more than %u entries", (unsigned)ENTRIES_MAX);
	records[record_count++] = arena + arena_used;
	memcpy(arena + arena_used, path, length + 1);
	memcpy(arena + arena_used + length + 1, line.bytes, line.length + 1);
	arena_used += length + line.length + 2;
}

/* `path` names the folder that `fd` is, with a slash at its end ("" at the top); `length` is its length. */
static void walk(int fd, char *path, size_t length, int depth)
{
	char bytes[8192] __attribute__((aligned(8)));

	for (;;) {
		const long got = syscall(SYS_getdents64, fd, bytes, sizeof bytes);
		if (got < 0)
			failed("cannot read the folder %s: %m", path);
		if (got == 0)
			return;
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(const void *)(bytes + at);
			struct stat status;

			at += entry->size;
			if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
				continue;
			const size_t size = strlen(entry->name);
			if (length + size + 2 > PATH_SIZE || depth == DEPTH_MAX)
				failed("cannot seal the tree: a path in it is too long or too deep");
			memcpy(path + length, entry->name, size + 1);
			if (fstatat(fd, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
				failed("cannot read the status of %s: %m", path);
			add_record(path, &status);
			if (S_ISDIR(status.st_mode)) {
				const int child = openat(fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
				if (child < 0)
					failed("cannot open the folder %s: %m", path);
				memcpy(path + length + size, "/", 2);
				walk(child, path, length + size + 1, depth + 1);
				close(child);
			}
			path[length] = '\0';
		}
	}
}

/* Heap sort: in place, and no input makes it slow. */
static void sift(size_t root, size_t count)
{
	for (size_t child; (child = 2 * root + 1) < count; root = child) {
		if (child + 1 < count && strcmp(records[child], records[child + 1]) < 0)
			child++;
		if (strcmp(records[root], records[child]) >= 0)
			return;
		const char *kept = records[root];
		records[root] = records[child];
		records[child] = kept;
	}
}

static void sort(void)
{
	for (size_t root = record_count / 2; root-- > 0;)
		sift(root, record_count);
	for (size_t count = record_count; count-- > 1;) {
		const char *largest = records[0];
		records[0] = records[count];
		records[count] = largest;
		sift(0, count);
	}
}

static void put(const char *bytes, size_t length)
{
	while (length > 0) {
		const ssize_t written = write(STDOUT_FILENO, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			failed("cannot write the seal: %m");
		bytes += written;
		length -= (size_t)written;
	}
}

static void print(void)
{
	static char bytes[65536];
	size_t used = 0;

	for (size_t i = 0; i < record_count; i++) {
		const size_t path = strlen(records[i]) + 1;
		const size_t size = path + strlen(records[i] + path);
		if (used + size > sizeof bytes) {
			put(bytes, used);
			used = 0;
		}
		memcpy(bytes + used, records[i], size);
		used += size;
	}
	put(bytes, used);
}

static void say(const struct refusal *refusal)
{
	TEXT(text, 1024);

	text_print(&text, "plugins: %s\n", refusal->reason);
	if (write(STDERR_FILENO, text.bytes, text.length) < 0)
		_exit(125);
	_exit(125);
}

int seal(const char *folder)
{
	static char path[PATH_SIZE];

	refusals_go_to(say);
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		failed("cannot open the folder %s: %m", folder);
	arena = reserve(ARENA_BYTES);
	records = reserve(ENTRIES_MAX * sizeof records[0]);
	walk(fd, path, 0, 0);
	sort();
	print();
	return 0;
}
