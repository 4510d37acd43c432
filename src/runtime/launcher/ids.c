#include "ids.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "kernel.h"
#include "refusal.h"
#include "text.h"

void ids_prepare(const struct spec *spec)
{
	if (spec->as_root) {
		if (geteuid() != 0)
			invalid("cannot run in mode root: the launcher is run by uid %u", geteuid());
		/* Before the user namespace exists: setgroups=deny would freeze root's groups in it. */
		if (setgroups(0, NULL) < 0)
			unavailable(UID, "cannot drop supplementary groups: %m");
		return;
	}
	if (!wants(spec, LAYER_USER_NAMESPACE))
		unavailable(USER_NAMESPACE, "cannot do without a user namespace in mode user");
	if (geteuid() == 0 && spec->uid != 0) {
		/* A root that may not mount, as in a container: it maps the plugin's own id like root, and all else
		 * happens inside the user namespace as for anybody. */
		if (spec->helper)
			invalid("cannot run in mode user: idmap=helper is not for root");
		if (setgroups(0, NULL) < 0)
			unavailable(UID, "cannot drop supplementary groups: %m");
		return;
	}
	if (!spec->helper) {
		if (wants(spec, LAYER_UID))
			unavailable(UID, "cannot give the plugin a uid of its own: without newuidmap only the caller's can be mapped");
		if (spec->uid != geteuid() || spec->gid != getegid())
			invalid("cannot map uid %u and gid %u: idmap=direct maps the caller's own", (unsigned)spec->uid,
				(unsigned)spec->gid);
	}
}

static bool owns(const struct spec *spec)
{
	return spec->as_root && wants(spec, LAYER_USER_NAMESPACE) && wants(spec, LAYER_UID);
}

/*
 * What the kernel counts per user (inotify instances and watches, queued signals, timers) it charges to the uid inside
 * and to the owner of the user namespace. With root as owner a plugin could use up root's own share of the host. So
 * the namespace is made under the plugin's uid, with root's capabilities kept meanwhile.
 */
void ids_own_namespace(const struct spec *spec)
{
	if (!owns(spec))
		return;
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0)
		unavailable(USER_NAMESPACE, "cannot keep capabilities for the user namespace: %m");
	if (setresuid((uid_t)-1, (uid_t)spec->uid, (uid_t)-1) < 0)
		unavailable(USER_NAMESPACE, "cannot become the owner of the user namespace: %m");
	/* The change made us undumpable, and root the owner of our files in /proc; init has one of its own to write. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		failed("cannot become dumpable: %m");
}

void ids_own_no_more(const struct spec *spec)
{
	if (!owns(spec))
		return;
	if (setresuid((uid_t)-1, 0, (uid_t)-1) < 0)
		unavailable(USER_NAMESPACE, "cannot become root again: %m");
	if (prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0)
		unavailable(USER_NAMESPACE, "cannot reset the secure bits: %m");
}

static void write_map(pid_t child, const char *file, const char *content)
{
	TEXT(path, 64);

	text_print(&path, "/proc/%d/%s", (int)child, file);
	const int fd = open(path.bytes, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, content, strlen(content)) < 0)
		unavailable(USER_NAMESPACE, "cannot write %s: %m", path.bytes);
	close(fd);
}

struct helper {
	const char *program;
	char *const *argv;
};

static int execute_helper(void *argument)
{
	const struct helper *helper = argument;
	char *const nothing[] = {NULL};

	execve(helper->program, helper->argv, nothing);
	return 127;
}

/* `caller`: whom to map as 0 besides, or nobody. */
static void run_helper(const char *program, pid_t child, uint64_t outside, const uint32_t *caller)
{
	static char stack[16384] __attribute__((aligned(64)));
	TEXT(pid, 16);
	TEXT(id, 16);
	TEXT(own, 16);
	int status;

	text_print(&pid, "%d", (int)child);
	text_print(&id, "%llu", (unsigned long long)outside);
	text_print(&own, "%u", caller ? (unsigned)*caller : 0);
	char *const argv[] = {(char *)(uintptr_t)program, pid.bytes, "1000", id.bytes, "1", caller ? "0" : NULL, own.bytes, "1",
			      NULL};
	struct helper helper = {program, argv};
	const pid_t process = clone(execute_helper, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &helper);
	if (process < 0)
		unavailable(UID, "cannot start %s: %m", program);
	while (waitpid(process, &status, 0) < 0)
		if (errno != EINTR)
			unavailable(UID, "cannot wait for %s: %m", program);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		unavailable(UID, "cannot map id %u: %s refused (is it installed, and the id in /etc/subuid and /etc/subgid?)",
			    (unsigned)outside, program);
}

/* Exactly one id, so that nobody is 0 inside and no second id can be become. */
static void write_single(pid_t child, const char *file, uint64_t outside)
{
	TEXT(line, 48);

	text_print(&line, "%d %llu 1", INSIDE_ID, (unsigned long long)outside);
	write_map(child, file, line.bytes);
}

void ids_map(const struct spec *spec, pid_t child)
{
	if (!wants(spec, LAYER_USER_NAMESPACE))
		return;
	if (spec->helper) {
		/* setgroups stays allowed here: init needs it once, to leave the caller's groups behind. */
		run_helper("/usr/bin/newuidmap", child, spec->uid, NULL);
		run_helper("/usr/bin/newgidmap", child, spec->gid, NULL);
		return;
	}
	write_map(child, "setgroups", "deny");
	write_single(child, "gid_map", spec->gid);
	write_single(child, "uid_map", spec->uid);
}

void ids_map_with_caller(pid_t child, uint32_t uid, uint32_t gid)
{
	const uint32_t own_uid = geteuid(), own_gid = getegid();
	TEXT(uid_line, 48);
	TEXT(gid_line, 48);

	if (uid != 0) {
		run_helper("/usr/bin/newuidmap", child, uid, &own_uid);
		run_helper("/usr/bin/newgidmap", child, gid, &own_gid);
		return;
	}
	text_print(&gid_line, "0 %u 1", own_gid);
	text_print(&uid_line, "0 %u 1", own_uid);
	write_map(child, "setgroups", "deny");
	write_map(child, "gid_map", gid_line.bytes);
	write_map(child, "uid_map", uid_line.bytes);
}

static void set_capabilities(uint32_t low, uint32_t high)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct data[2] = {{low, low, 0}, {high, high, 0}};

	if (syscall(SYS_capset, &header, data) < 0)
		unavailable(CAPABILITIES, "cannot set capabilities: %m");
}

static void read_capabilities(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	if (syscall(SYS_capget, &header, data) < 0)
		unavailable(CAPABILITIES, "cannot read capabilities: %m");
}

static void become(uid_t uid, gid_t gid)
{
	struct __user_cap_data_struct data[2];

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		unavailable(UID, "cannot keep capabilities: %m");
	if (setresgid(gid, gid, gid) < 0)
		unavailable(UID, "cannot become gid %u: %m", gid);
	if (setresuid(uid, uid, uid) < 0)
		unavailable(UID, "cannot become uid %u: %m", uid);
	/* A change of uid clears the effective set and keeps the permitted one. */
	read_capabilities(data);
	set_capabilities(data[0].permitted, data[1].permitted);
}

/* Nobody, not even another run of this plugin under the same uid, may look into this process (CVE-2016-8659). */
static void become_undumpable(void)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		failed("cannot become undumpable: %m");
}

void ids_become(const struct spec *spec)
{
	const bool mapped = wants(spec, LAYER_USER_NAMESPACE);

	if (spec->helper && setgroups(0, NULL) < 0)
		unavailable(UID, "cannot drop supplementary groups: %m");
	become(mapped ? INSIDE_ID : (uid_t)spec->uid, mapped ? INSIDE_ID : (gid_t)spec->gid);
	become_undumpable();
}

void ids_keep_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	read_capabilities(data);
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].inheritable = data[i].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		unavailable(CAPABILITIES, "cannot keep capabilities: %m");
	for (int cap = 0; cap < 64; cap++)
		if (data[cap / 32].permitted & (1U << (cap % 32)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			unavailable(CAPABILITIES, "cannot keep capability %d: %m", cap);
}

static void forget_capabilities(void)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		unavailable(CAPABILITIES, "cannot clear ambient capabilities: %m");
	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL && cap > CAP_WAKE_ALARM)
				break; /* the kernel knows no more */
			unavailable(CAPABILITIES, "cannot drop capability %d from the bounding set: %m", cap);
		}
	if (prctl(PR_SET_SECUREBITS,
		  SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
			  SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED,
		  0, 0, 0) < 0)
		unavailable(CAPABILITIES, "cannot lock the secure bits: %m");
}

void ids_drop_capabilities(const struct spec *spec)
{
	if (!wants(spec, LAYER_CAPABILITIES)) {
		ids_keep_capabilities(); /* weaker=capabilities */
		return;
	}
	forget_capabilities();
	/* Without no_new_privs the kernel lets only an administrator of the namespace install Landlock and seccomp. */
	set_capabilities(wants(spec, LAYER_NO_NEW_PRIVS) ? 0 : 1U << CAP_SYS_ADMIN, 0);
}

void ids_drop_last_capability(const struct spec *spec)
{
	if (wants(spec, LAYER_CAPABILITIES) && !wants(spec, LAYER_NO_NEW_PRIVS))
		set_capabilities(0, 0);
}

void ids_become_outside(const struct spec *spec, bool namespaced)
{
	if (spec->as_root)
		become((uid_t)spec->uid, (gid_t)spec->gid);
	/* An ordinary caller's process has nothing to drop, and may not even shrink the set of what it could be given. */
	if (spec->as_root || namespaced)
		forget_capabilities();
	set_capabilities(0, 0);
	become_undumpable();
}
