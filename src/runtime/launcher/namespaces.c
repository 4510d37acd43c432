#include "namespaces.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kernel.h"
#include "refusal.h"

int namespaces_clone(const struct spec *spec, int cgroup, int *pidfd)
{
	static const struct { enum layer layer; uint64_t flag; } made[] = {
		{LAYER_USER_NAMESPACE, CLONE_NEWUSER}, {LAYER_MOUNT_NAMESPACE, CLONE_NEWNS},
		{LAYER_PID_NAMESPACE, CLONE_NEWPID},   {LAYER_NET_NAMESPACE, CLONE_NEWNET},
		{LAYER_IPC_NAMESPACE, CLONE_NEWIPC},   {LAYER_UTS_NAMESPACE, CLONE_NEWUTS},
	};
	struct clone_args arguments = {
		.flags = CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)pidfd,
		.exit_signal = SIGCHLD,
	};

	for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
		if (wants(spec, made[i].layer))
			arguments.flags |= made[i].flag;
	if (cgroup >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)cgroup;
	}
	const long pid = kernel_clone3(&arguments);
	if (pid < 0) {
		/* One call makes them all; ask for one at a time only to name the culprit. */
		const int error = errno;
		enum layer culprit = LAYER_NONE;
		for (size_t i = 0; i < sizeof made / sizeof made[0] && culprit == LAYER_NONE; i++) {
			struct clone_args one = {.flags = made[i].flag, .exit_signal = SIGCHLD};
			if (wants(spec, LAYER_USER_NAMESPACE))
				one.flags |= CLONE_NEWUSER;
			if (!(arguments.flags & made[i].flag))
				continue;
			const long child = kernel_clone3(&one);
			if (child == 0)
				_exit(0);
			if (child < 0)
				culprit = made[i].layer;
		}
		errno = error;
		if (culprit == LAYER_NONE)
			failed("cannot start the sandbox's first process: %m");
		refuse(LAYER_UNAVAILABLE, culprit, "cannot make a new %s: %m", layer_names[culprit]);
	}
	return (int)pid;
}

/* Programs expect 127.0.0.1 to answer to themselves; there is nothing else in this network. */
static void raise_loopback(void)
{
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(request.ifr_name, "lo", 3);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		unavailable(NET_NAMESPACE, "cannot raise the loopback interface: %m");
	close(fd);
}

void namespaces_settle(const struct spec *spec)
{
	if (wants(spec, LAYER_NET_NAMESPACE))
		raise_loopback();
	if (wants(spec, LAYER_UTS_NAMESPACE) && (sethostname("plugin", 6) < 0 || setdomainname("", 0) < 0))
		unavailable(UTS_NAMESPACE, "cannot set the host name: %m");
	/* Not part of the clone: the root of the namespace would be the launcher's cgroup instead of the leaf. */
	if (wants(spec, LAYER_CGROUP_NAMESPACE) && unshare(CLONE_NEWCGROUP) < 0)
		unavailable(CGROUP_NAMESPACE, "cannot make a new cgroup namespace: %m");
}
