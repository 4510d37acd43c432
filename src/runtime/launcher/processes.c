#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup.h"
#include "figures.h"
#include "kernel.h"
#include "text.h"

enum { PIDS_MAX = 4096, MS_PER_TICK = 10 /* USER_HZ is 100 on every architecture of ours */ };

static int pids[PIDS_MAX];
static size_t count;

static void add_pid(int64_t pid)
{
	if (pid > 0 && count < PIDS_MAX)
		pids[count++] = (int)pid;
}

/* Numbers with anything else between them; a number may begin in one piece of the file and end in the next. */
static void add_listed(int fd)
{
	char bytes[4096];
	int64_t pid = 0;

	for (;;) {
		const ssize_t got = read(fd, bytes, sizeof bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got; i++) {
			const bool digit = bytes[i] >= '0' && bytes[i] <= '9';
			if (!digit)
				add_pid(pid);
			pid = digit ? pid * 10 + (bytes[i] - '0') : 0;
		}
	}
	add_pid(pid);
	close(fd);
}

struct entry {
	uint64_t inode;
	int64_t next;
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Calls `with` for each entry of a folder but `.` and `..`; -1 if it cannot be read. */
static int64_t each_entry(const char *folder, void (*with)(const char *folder, const char *name))
{
	char bytes[4096] __attribute__((aligned(8)));
	int64_t found = 0;
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	for (;;) {
		const long got = syscall(SYS_getdents64, fd, bytes, sizeof bytes);
		if (got <= 0)
			break;
		for (long at = 0; at < got;) {
			const struct entry *entry = (const struct entry *)(const void *)(bytes + at);
			at += entry->size;
			if (entry->name[0] == '.')
				continue;
			found++;
			if (with)
				with(folder, entry->name);
		}
	}
	close(fd);
	return found;
}

/* A child is listed with the thread that forked it. */
static void add_children(const char *folder, const char *thread)
{
	TEXT(path, 96);

	text_print(&path, "%s/%s/children", folder, thread);
	const int fd = open(path.bytes, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		add_listed(fd);
}

/* In a pid namespace whoever loses its parent is given to pid 1: all of them descend from it. */
static void list(pid_t init)
{
	count = 0;
	const int fd = cgroup_members();
	if (fd >= 0)
		return add_listed(fd);
	add_pid(init);
	for (size_t i = 0; i < count; i++) {
		TEXT(folder, 48);
		text_print(&folder, "/proc/%d/task", pids[i]);
		each_entry(folder.bytes, add_children);
	}
}

static void add(int64_t *sum, int64_t amount)
{
	if (amount >= 0)
		*sum = (*sum < 0 ? 0 : *sum) + amount;
}

/* Fields 14 to 17: its own time and that of children it has waited for. The name, field 2, may hold anything but ends with the last bracket. */
static int64_t cpu_of(const char *stat)
{
	const char *field = strrchr(stat, ')');
	int64_t ticks = 0;

	for (int number = 2; field && number < 17; number++) {
		field = strchr(field, ' ');
		if (!field)
			return -1;
		field++;
		if (number >= 13)
			ticks += figures_decimal(field);
	}
	return field ? ticks * MS_PER_TICK : -1;
}

static bool read_of(int pid, const char *file, char *into, size_t size)
{
	TEXT(path, 48);

	text_print(&path, "/proc/%d/%s", pid, file);
	return figures_read(AT_FDCWD, path.bytes, into, size);
}

/* Since Linux 6.2 the size of the folder is the number of descriptors; before, they are counted. */
static int64_t files_of(int pid)
{
	TEXT(path, 48);
	struct stat status;

	text_print(&path, "/proc/%d/fd", pid);
	if (fstatat(AT_FDCWD, path.bytes, &status, 0) == 0 && status.st_size > 0)
		return status.st_size;
	return each_entry(path.bytes, NULL);
}

static void look_at(int pid, bool is_init, struct process_figures *figures)
{
	char bytes[4096];

	if (read_of(pid, "status", bytes, sizeof bytes)) {
		/* The relay is in the run's cgroup too, but a child of ours and no program of the plugin's. */
		if (!is_init && figures_keyed(bytes, "PPid:") == getpid())
			return;
		const int64_t own = figures_keyed(bytes, "RssAnon:"), shared = figures_keyed(bytes, "RssShmem:");
		add(&figures->memory_bytes, own < 0 ? -1 : (own + (shared > 0 ? shared : 0)) * 1024);
	}
	if (read_of(pid, "stat", bytes, sizeof bytes))
		add(&figures->cpu_ms, cpu_of(bytes));
	if (read_of(pid, "io", bytes, sizeof bytes)) {
		add(&figures->io_read_bytes, figures_keyed(bytes, "read_bytes:"));
		add(&figures->io_write_bytes, figures_keyed(bytes, "write_bytes:"));
	}
	if (is_init)
		return;
	add(&figures->processes, 1);
	const int64_t files = files_of(pid);
	if (files > figures->files)
		figures->files = files;
}

void processes_look(pid_t init, struct process_figures *figures)
{
	*figures = (struct process_figures){-1, -1, -1, -1, -1, -1};
	list(init);
	for (size_t i = 0; i < count; i++)
		look_at(pids[i], pids[i] == init, figures);
}
