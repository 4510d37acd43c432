/*
 * The runtime was told to leave no capability, to forbid new privileges and to mount the root read-only. That it did is
 * looked at here, by the first process inside, before anything of the plugin's runs: a runtime that leaves a part of its
 * bundle out, by age or by mistake, is a refusal and not a weaker run.
 */
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "ids.h"
#include "init.h"
#include "kernel.h"
#include "mounts.h"
#include "refusal.h"
#include "spec.h"

enum { STATUS_FD = 3, READ_ONLY = 1 /* ST_RDONLY */ };

static struct spec spec;

static void check_identity(void)
{
	const uid_t uid = wants(&spec, LAYER_USER_NAMESPACE) ? INSIDE_ID : (uid_t)spec.uid;

	if (geteuid() != uid || getegid() != uid)
		unavailable(UID, "cannot run as uid %u: the container runs as %u", uid, geteuid());
}

static void check_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (!wants(&spec, LAYER_CAPABILITIES))
		return;
	if (syscall(SYS_capget, &header, data) < 0)
		unavailable(CAPABILITIES, "cannot read capabilities: %m");
	for (int i = 0; i < 2; i++)
		if (data[i].effective | data[i].permitted | data[i].inheritable)
			unavailable(CAPABILITIES, "cannot run: the container has capabilities");
	for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			unavailable(CAPABILITIES, "cannot run: capability %d is in the container's bounding set", cap);
}

static void check_read_only(const char *path)
{
	struct statfs status;
	const int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0 || fstatfs(fd, &status) < 0)
		unavailable(READ_ONLY, "cannot look at %s: %m", path);
	if (!(status.f_flags & READ_ONLY))
		unavailable(READ_ONLY, "cannot run: %s is writable in the container", path);
	close(fd);
}

static void check_session(void)
{
	if (wants(&spec, LAYER_PID_NAMESPACE) && getpid() != 1)
		unavailable(PID_NAMESPACE, "cannot run: pid %d is not the container's first", getpid());
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		failed("cannot become undumpable: %m");
}

static bool is_pipe(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

void inside(const char *path, char **environment)
{
	const struct init init = {.spec = &spec, .stdio = {0, 1, 2}, .status = STATUS_FD, .go = -1};
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	init_reports_to(is_pipe(STATUS_FD) ? STATUS_FD : -1);
	if (fd < 0)
		failed("cannot open %s: %m", path);
	if (is_pipe(STATUS_FD) && fcntl(STATUS_FD, F_SETFD, FD_CLOEXEC) < 0)
		failed("cannot keep the status pipe: %m");
	spec_read(&spec, fd, false);
	spec.contained = true;
	close(fd);
	for (size_t i = 0; environment[i] && i < SPEC_FIELDS_MAX; i++)
		spec.environment[i] = environment[i];
	check_session();
	check_identity();
	check_capabilities();
	check_read_only("/");
	check_read_only("/plugin");
	mounts_look_inside(&spec);
	init_inside(&init);
}
