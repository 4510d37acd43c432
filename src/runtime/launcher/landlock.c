#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "kernel.h"
#include "mounts.h"
#include "refusal.h"
#include "text.h"

#define READ (LANDLOCK_FS_READ_FILE | LANDLOCK_FS_READ_DIR)
#define EXECUTE (READ | LANDLOCK_FS_EXECUTE)
/* No EXECUTE: what a plugin writes is data. No MAKE_CHAR, MAKE_BLOCK: nobody has business making devices. */
#define WRITE                                                                                                    \
	(READ | LANDLOCK_FS_WRITE_FILE | LANDLOCK_FS_REMOVE_DIR | LANDLOCK_FS_REMOVE_FILE | LANDLOCK_FS_MAKE_DIR | \
	 LANDLOCK_FS_MAKE_REG | LANDLOCK_FS_MAKE_SOCK | LANDLOCK_FS_MAKE_FIFO | LANDLOCK_FS_MAKE_SYM |           \
	 LANDLOCK_FS_REFER | LANDLOCK_FS_TRUNCATE)
#define DEVICES (READ | LANDLOCK_FS_WRITE_FILE | LANDLOCK_FS_TRUNCATE | LANDLOCK_FS_IOCTL_DEV)
/* The rights that mean anything for a file that is not a folder; the kernel refuses the others. */
#define OF_A_FILE                                                                                                 \
	(LANDLOCK_FS_EXECUTE | LANDLOCK_FS_WRITE_FILE | LANDLOCK_FS_READ_FILE | LANDLOCK_FS_TRUNCATE | \
	 LANDLOCK_FS_IOCTL_DEV)

int landlock_abi(void)
{
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

int landlock_check(const struct spec *spec)
{
	if (!wants(spec, LAYER_LANDLOCK))
		return 0;
	const int abi = landlock_abi();
	if (abi == 0)
		unavailable(LANDLOCK, "cannot use Landlock: %m");
	if ((uint64_t)abi < spec->landlock_abi)
		unavailable(LANDLOCK, "cannot use Landlock: ABI %u is asked for, the kernel has %d",
			    (unsigned)spec->landlock_abi, abi);
	return abi;
}

/* File-system rights were added with the ABIs; asking for one the kernel does not know is EINVAL. */
static uint64_t known_rights(int abi)
{
	if (abi >= 5)
		return (1ULL << 16) - 1;
	if (abi >= 3)
		return (1ULL << 15) - 1;
	return abi == 2 ? (1ULL << 14) - 1 : (1ULL << 13) - 1;
}

static void allow(int ruleset, const char *path, uint64_t rights, bool must_exist)
{
	struct stat status;
	const int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT && !must_exist)
		return;
	if (fd < 0 || fstat(fd, &status) < 0)
		unavailable(LANDLOCK, "cannot open %s for Landlock: %m", path);
	if (!S_ISDIR(status.st_mode))
		rights &= OF_A_FILE;
	const struct landlock_beneath rule = {.allowed = rights, .parent = fd};
	if (rights != 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_PATH_BENEATH, &rule, 0) < 0)
		unavailable(LANDLOCK, "cannot add %s to the Landlock rules: %m", path);
	close(fd);
}

/* Code lives in the plugin's own top folder and in what is bound as executable, and nowhere else. */
static void allow_code(const struct spec *spec, int ruleset, uint64_t rights)
{
	char top[4096];
	const char *slash = strchr(spec->exec + 1, '/');
	const size_t length = slash ? (size_t)(slash - spec->exec) : strlen(spec->exec);
	bool covered = false;

	memcpy(top, spec->exec, length);
	top[length] = '\0';
	for (size_t i = 0; i < spec->skeleton_count; i++)
		covered |= strcmp(top, spec->skeletons[i]) == 0;
	for (size_t i = 0; i < spec->bind_count; i++) {
		covered |= strcmp(top, spec->binds[i].inside) == 0;
		if (spec->binds[i].executable)
			allow(ruleset, spec->binds[i].inside, rights, true);
	}
	covered |= strcmp(top, "/tmp") == 0 || strcmp(top, "/data") == 0 || strcmp(top, "/dev") == 0 ||
		   strcmp(top, "/proc") == 0;
	if (!covered)
		allow(ruleset, top, rights, false); /* exec itself will say that it is not there */
	allow(ruleset, "/plugin", rights, false);
}

/* An older kernel takes a shorter structure and refuses bytes it does not know. */
static int make_ruleset(const struct landlock_ruleset *rules, int abi)
{
	const size_t size = abi >= 6 ? sizeof *rules : abi >= 4 ? 16 : 8;
	const int ruleset = (int)syscall(SYS_landlock_create_ruleset, rules, size, 0);

	if (ruleset < 0)
		unavailable(LANDLOCK, "cannot make a Landlock ruleset: %m");
	return ruleset;
}

static void enforce(int ruleset)
{
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		unavailable(LANDLOCK, "cannot enforce Landlock: %m");
	close(ruleset);
}

void landlock_restrict(const struct spec *spec)
{
	if (!wants(spec, LAYER_LANDLOCK))
		return;
	const int abi = landlock_abi();
	const uint64_t known = known_rights(abi);
	const struct landlock_ruleset rules = {
		.handled_fs = known,
		/* A program that is not forked from pid 1 (first.c) has a domain of its own, and signals must pass into it. */
		.scoped = LANDLOCK_SCOPE_ABSTRACT | (spec->apart ? 0 : LANDLOCK_SCOPE_SIGNALS),
	};
	const int ruleset = make_ruleset(&rules, abi);

	allow(ruleset, "/", READ, true);
	if (wants(spec, LAYER_MOUNT_NAMESPACE)) {
		allow_code(spec, ruleset, EXECUTE);
		allow(ruleset, "/dev", DEVICES & known, true);
		if (spec->tmp_bytes > 0)
			allow(ruleset, "/tmp", WRITE & known, true);
		if (spec->contained) /* else it is a link to /tmp */
			allow(ruleset, "/dev/shm", WRITE & known, false);
		if (spec->data)
			allow(ruleset, "/data", WRITE & known, true);
	} else {
		allow(ruleset, mounts_outside(spec, spec->exec), EXECUTE, true);
		for (size_t i = 0; i < spec->bind_count; i++)
			if (spec->binds[i].executable)
				allow(ruleset, spec->binds[i].outside, EXECUTE, true);
	}
	enforce(ruleset);
}

void landlock_seal(const uint16_t *ports, size_t count)
{
	const int abi = landlock_abi();
	const struct landlock_ruleset rules = {
		.handled_fs = known_rights(abi),
		.handled_net = LANDLOCK_NET_BIND_TCP | LANDLOCK_NET_CONNECT_TCP,
		.scoped = LANDLOCK_SCOPE_ABSTRACT | LANDLOCK_SCOPE_SIGNALS,
	};
	const int ruleset = make_ruleset(&rules, abi);

	for (size_t i = 0; i < count && abi >= 4; i++) {
		const struct landlock_port rule = {.allowed = LANDLOCK_NET_CONNECT_TCP, .port = ports[i]};
		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_NET_PORT, &rule, 0) < 0)
			unavailable(LANDLOCK, "cannot add port %u to the Landlock rules: %m", ports[i]);
	}
	enforce(ruleset);
}
