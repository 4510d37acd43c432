#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kernel.h"
#include "network.h"
#include "processor.h"
#include "refusal.h"

/*
 * A network namespace takes the kernel as long as everything else here together, some 0.35 ms. As root we need not
 * wait for it: a helper that shares our memory and descriptors makes it while the launcher prepares the rest, and
 * the launcher enters it just before the clone. It then belongs to the host's user namespace, so that not even a
 * full set of capabilities inside would be worth anything to the plugin in it. The helper's calls either succeed
 * and leave errno alone, or the run is refused; so one errno is enough for both.
 */
static struct {
	pid_t pid;
	volatile int namespace;
	volatile int error;
	const char *volatile step;
} network = {.namespace = -1};

/* Programs expect 127.0.0.1 to answer to themselves; there is nothing else in this network. */
bool namespaces_raise_loopback(void)
{
	struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(request.ifr_name, "lo", 3);
	const bool raised = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	if (fd >= 0)
		close(fd);
	return raised;
}

static int make_network(void *argument)
{
	(void)argument;
	network.step = "make a new net-namespace";
	if (unshare(CLONE_NEWNET) < 0) {
		network.error = errno;
		return 1;
	}
	network.step = "raise the loopback interface";
	if (!namespaces_raise_loopback()) {
		network.error = errno;
		return 1;
	}
	network.step = "open the new net-namespace";
	network.namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (network.namespace < 0)
		network.error = errno;
	return 0;
}

void namespaces_begin(const struct spec *spec)
{
	static char stack[8192] __attribute__((aligned(64)));

	if (!spec->as_root || !wants(spec, LAYER_NET_NAMESPACE))
		return;
	network.pid = clone(make_network, stack + sizeof stack, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
	if (network.pid < 0)
		unavailable(NET_NAMESPACE, "cannot start the maker of the network namespace: %m");
	processor_send_away(network.pid);
}

static void enter_network(const struct spec *spec)
{
	int status;

	while (waitpid(network.pid, &status, 0) < 0)
		if (errno != EINTR)
			unavailable(NET_NAMESPACE, "cannot wait for the network namespace: %m");
	if (network.namespace < 0) {
		errno = network.error;
		unavailable(NET_NAMESPACE, "cannot %s: %m", network.step);
	}
	if (setns(network.namespace, CLONE_NEWNET) < 0)
		unavailable(NET_NAMESPACE, "cannot enter the new net-namespace: %m");
	close(network.namespace);
	network_open_ports(spec);
}

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
	if (network.pid > 0) {
		enter_network(spec);
		arguments.flags &= ~(uint64_t)CLONE_NEWNET;
	}
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

/*
 * In mode user inotify is charged to the caller too, whose 128 instances serve a whole desktop. The user namespace may
 * have less. Where /proc/sys is read-only, as in containers, it cannot, and nobody but the caller is the worse for it.
 */
static void limit_watching(void)
{
	static const struct { const char *path; const char *most; } limits[] = {
		{"/proc/sys/user/max_inotify_instances", "16"}, {"/proc/sys/user/max_inotify_watches", "8192"}};

	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		const int fd = open(limits[i].path, O_WRONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (write(fd, limits[i].most, strlen(limits[i].most)) < 0 && errno != EROFS)
			unavailable(USER_NAMESPACE, "cannot write %s: %m", limits[i].path);
		close(fd);
	}
}

void namespaces_settle(const struct spec *spec)
{
	if (!spec->as_root && wants(spec, LAYER_USER_NAMESPACE))
		limit_watching();
	if (wants(spec, LAYER_NET_NAMESPACE) && !spec->as_root && !namespaces_raise_loopback())
		unavailable(NET_NAMESPACE, "cannot raise the loopback interface: %m");
	if (!spec->as_root)
		network_open_ports(spec);
	if (wants(spec, LAYER_UTS_NAMESPACE) && (sethostname("plugin", 6) < 0 || setdomainname("", 0) < 0))
		unavailable(UTS_NAMESPACE, "cannot set the host name: %m");
	/* Not part of the clone: the root of the namespace would be the launcher's cgroup instead of the leaf. */
	if (wants(spec, LAYER_CGROUP_NAMESPACE) && unshare(CLONE_NEWCGROUP) < 0)
		unavailable(CGROUP_NAMESPACE, "cannot make a new cgroup namespace: %m");
}
