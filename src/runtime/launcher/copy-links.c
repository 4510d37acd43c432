#include "copy-links.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "refusal.h"
#include "text.h"

/* What getdents64 gives. */
struct entry {
	uint64_t inode;
	int64_t next;
	unsigned short size;
	unsigned char type;
	char name[];
};

static int top = -1, links = -1;
static char links_name[48];

void copy_links_in(int folder)
{
	top = folder;
}

static void make_links_folder(void)
{
	TEXT(name, sizeof links_name);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	text_print(&name, ".links-%d-%llu", (int)getpid(), (unsigned long long)now.tv_nsec);
	memcpy(links_name, name.bytes, name.length + 1);
	if (mkdirat(top, links_name, 0700) < 0)
		failed("cannot make a folder: %m");
	links = openat(top, links_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (links < 0)
		failed("cannot open a folder: %m");
}

bool copy_link(const struct stat *status, int into, const char *name)
{
	TEXT(key, 24);

	if (links < 0)
		return false;
	text_print(&key, "%llu", (unsigned long long)status->st_ino);
	if (syscall(SYS_linkat, links, key.bytes, into, name, 0) == 0)
		return true;
	if (errno != ENOENT && errno != EMLINK && errno != EEXIST) /* there already: making a file says so */
		failed("cannot make a link: %m");
	return false;
}

void copy_remember(const struct stat *status, int into, const char *name)
{
	TEXT(key, 24);

	if (links < 0)
		make_links_folder();
	text_print(&key, "%llu", (unsigned long long)status->st_ino);
	if (syscall(SYS_linkat, into, name, links, key.bytes, 0) < 0 && errno != EEXIST)
		failed("cannot make a link: %m");
}

void copy_forget(void)
{
	char bytes[4096] __attribute__((aligned(8)));
	long got;

	if (links < 0)
		return;
	/* From the beginning again, for what is removed moves the rest. */
	do {
		long removed = 0;

		syscall(SYS_lseek, links, 0L, SEEK_SET);
		while ((got = syscall(SYS_getdents64, links, bytes, sizeof bytes)) > 0)
			for (long at = 0; at < got;) {
				const struct entry *entry = (const struct entry *)(const void *)(bytes + at);

				at += entry->size;
				removed += unlinkat(links, entry->name, 0) == 0;
			}
		if (removed == 0)
			break;
	} while (true);
	close(links);
	links = -1;
	if (unlinkat(top, links_name, AT_REMOVEDIR) < 0)
		failed("cannot remove a folder: %m");
}
