#include "project.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>

#include "figures.h"
#include "kernel.h"
#include "refusal.h"
#include "text.h"

enum { QUOTA_BLOCK = 1024 };
/* As many as a file system can count in blocks and inodes; (uint32_t)-1 is no id of a project. */
#define BYTES_MAX (1ULL << 53)
#define INODES_MAX (1ULL << 32)
#define ID_MAX (UINT32_MAX - 1ULL)

static uint64_t number_of(const char *what, const char *string, uint64_t max)
{
	const size_t length = strlen(string);

	if (length == 0 || length > 16 || strspn(string, "0123456789") != length)
		failed("cannot read %s: not a number", what);
	const uint64_t value = (uint64_t)figures_decimal(string);
	if (value > max)
		failed("cannot read %s: more than %llu", what, (unsigned long long)max);
	return value;
}

/* By a descriptor (Linux 5.14), so that no path of a block device has to be found, nor believed. */
static int quota(int fd, unsigned command, uint32_t id, void *argument)
{
	return (int)syscall(SYS_quotactl_fd, fd, QCMD(command, PRJQUOTA), id, argument);
}

/* Are limits of projects enforced on this file system? Anybody may ask. */
static bool is_enforced(int fd)
{
	struct fs_quota_stat state;

	memset(&state, 0, sizeof state);
	return quota(fd, Q_XGETQSTAT, 0, &state) == 0 && (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0;
}

static struct fsxattr attributes_of(int fd, const char *folder)
{
	struct fsxattr attributes;

	memset(&attributes, 0, sizeof attributes);
	if (ioctl(fd, FS_IOC_FSGETXATTR, &attributes) < 0 && errno != ENOTTY && errno != EOPNOTSUPP)
		failed("cannot read the attributes of %s: %m", folder);
	return attributes;
}

/* What is made in the folder later inherits its project; hard links and renames across are refused by the kernel. */
static void take_folder(int fd, const char *folder, uint32_t id)
{
	struct fsxattr attributes = attributes_of(fd, folder);

	if (attributes.fsx_projid == id && attributes.fsx_xflags & FS_XFLAG_PROJINHERIT)
		return;
	attributes.fsx_projid = id;
	attributes.fsx_xflags |= FS_XFLAG_PROJINHERIT;
	if (ioctl(fd, FS_IOC_FSSETXATTR, &attributes) < 0)
		failed("cannot give %s to project %u: %m", folder, id);
}

/* Hard limits alone: a soft one could be exceeded for a week. */
static void set_limits(int fd, uint32_t id, uint64_t bytes, uint64_t inodes)
{
	struct if_dqblk limits = {
		.dqb_bhardlimit = bytes / QUOTA_BLOCK,
		.dqb_ihardlimit = inodes,
		.dqb_valid = QIF_LIMITS,
	};

	if (quota(fd, Q_SETQUOTA, id, &limits) < 0)
		failed("cannot set the limits of project %u: %m", id);
}

static void add_member(struct text *line, const char *key, uint64_t value)
{
	text_add(line, key);
	text_number(line, (int64_t)value);
}

/* Only root is told the figures of a project; anybody else sees them by statfs(2) on a folder of it. */
static int say(int fd, const char *folder, uint32_t id)
{
	TEXT(line, 512);
	struct if_dqblk now;

	memset(&now, 0, sizeof now);
	const bool known = id != 0 && quota(fd, Q_GETQUOTA, id, &now) == 0;
	/* A project that nobody has used yet is not there. */
	const bool empty = id != 0 && !known && (errno == ENOENT || errno == ESRCH);
	const struct fsxattr attributes = attributes_of(fd, folder);
	add_member(&line, "{\"project\":", attributes.fsx_projid);
	text_add(&line, attributes.fsx_xflags & FS_XFLAG_PROJINHERIT ? ",\"inherited\":true" : ",\"inherited\":false");
	text_add(&line, is_enforced(fd) ? ",\"enforced\":true" : ",\"enforced\":false");
	if (known || empty) {
		add_member(&line, ",\"bytes\":", now.dqb_bhardlimit * QUOTA_BLOCK);
		add_member(&line, ",\"inodes\":", now.dqb_ihardlimit);
		add_member(&line, ",\"usedBytes\":", now.dqb_curspace);
		add_member(&line, ",\"usedInodes\":", now.dqb_curinodes);
	}
	text_add(&line, "}\n");
	return write(STDOUT_FILENO, line.bytes, line.length) < 0 ? 125 : 0;
}

int project(const char *folder, const char *id_text, const char *bytes_text, const char *inodes_text)
{
	refusals_go_to(refusal_print);
	const uint32_t id = id_text ? (uint32_t)number_of("the project", id_text, ID_MAX) : 0;
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		failed("cannot open the folder %s: %m", folder);
	if (bytes_text) {
		const uint64_t bytes = number_of("the bytes", bytes_text, BYTES_MAX);
		const uint64_t inodes = number_of("the inodes", inodes_text, INODES_MAX);
		const bool lifts = bytes == 0 && inodes == 0;

		if (id == 0)
			failed("cannot limit project 0: it is everybody's");
		if (!lifts && !is_enforced(fd))
			failed("cannot limit project %u: the file system of %s enforces no project quota", id, folder);
		/* Interrupted between the two, the folder still tells whose limits are to be set. */
		if (!lifts)
			take_folder(fd, folder, id);
		set_limits(fd, id, bytes, inodes);
	}
	return say(fd, folder, id_text ? id : attributes_of(fd, folder).fsx_projid);
}
