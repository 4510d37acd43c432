#include "confine.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../cgroup.h"
#include "../ids.h"
#include "../landlock.h"
#include "../processor.h"
#include "../refusal.h"

enum { ASIDE = 64, RESOLVER_PORT = 53 };

static void keep_descriptors(const int *kept, size_t count)
{
	int aside[8];

	for (size_t i = 0; i < count; i++) {
		aside[i] = fcntl(kept[i], F_DUPFD_CLOEXEC, ASIDE);
		if (aside[i] < 0)
			unavailable(NETWORK, "cannot keep a descriptor for the relay: %m");
	}
	for (size_t i = 0; i < count; i++)
		if (dup3(aside[i], (int)i, O_CLOEXEC) < 0)
			unavailable(NETWORK, "cannot keep a descriptor for the relay: %m");
	if (close_range((unsigned)count, ~0U, 0) < 0)
		unavailable(NETWORK, "cannot close the descriptors of the relay: %m");
}

static void die_with(const struct spec *spec, pid_t launcher)
{
	if (!wants(spec, LAYER_PARENT_DEATH))
		return;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		unavailable(NETWORK, "cannot ask for the relay's death signal: %m");
	if (getppid() != launcher)
		_exit(125); /* it died just before */
}

static void limit_descriptors(unsigned files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		unavailable(NETWORK, "cannot read the limit NOFILE: %m");
	if (limit.rlim_max < files)
		unavailable(NETWORK, "cannot open as many connections as asked for: %u descriptors are needed, %llu allowed",
			    files, (unsigned long long)limit.rlim_max);
	limit.rlim_cur = limit.rlim_max = files;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		unavailable(NETWORK, "cannot set the limit NOFILE of the relay: %m");
}

void confine_begin(const struct spec *spec, enum role role, const int *kept, size_t count, unsigned files)
{
	static uint16_t dialed[NETWORK_PORTS_MAX + 1];
	size_t ports = 0;
	const pid_t launcher = getppid();

	cgroup_join(); /* what the plugin has relayed is the plugin's to pay for */
	keep_descriptors(kept, count);
	processor_leave();
	if (setsid() < 0)
		unavailable(NETWORK, "cannot begin a session for the relay: %m");
	limit_descriptors(files);
	if (wants(spec, LAYER_NETWORK))
		ids_become_outside(spec, role == ROLE_RELAY && !spec->as_root);
	die_with(spec, launcher); /* which a change of uid would have cleared */
	if (!wants(spec, LAYER_NETWORK))
		return; /* a relay with all the caller's rights, to see what taking them is worth */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		unavailable(NETWORK, "cannot set no_new_privs for the relay: %m");
	if (role == ROLE_DIALER) {
		for (; ports < spec->network.port_count; ports++)
			dialed[ports] = spec->network.ports[ports];
		dialed[ports++] = RESOLVER_PORT; /* for answers that do not fit a datagram */
	}
	if (wants(spec, LAYER_LANDLOCK))
		landlock_seal(dialed, ports);
}

void confine_end(const struct spec *spec, enum role role)
{
	if (wants(spec, LAYER_NETWORK) && wants(spec, LAYER_SECCOMP))
		filter_install(role);
}
