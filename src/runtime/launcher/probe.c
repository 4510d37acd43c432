#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "filtered.h"
#include "ids.h"
#include "kernel.h"
#include "landlock.h"
#include "names.h"
#include "namespaces.h"
#include "refusal.h"
#include "relay/ports.h"
#include "rlimits.h"
#include "seccomp.h"
#include "text.h"

/* A trial runs in a child of its own, in the namespaces it names, and either returns or refuses. */
struct trial {
	enum layer layer;
	uint64_t namespaces;
	void (*attempt)(void);
	const char *detail;
};

static struct spec spec; /* every layer on, every limit small */
static int answer_pipe;

static void send_answer(const struct refusal *refusal)
{
	if (write(answer_pipe, refusal, sizeof *refusal) < 0)
		_exit(125);
	_exit(125);
}

static void nothing_more(void)
{
}

static void try_uid(void)
{
	if (geteuid() != 0) {
		const int fd = open("/usr/bin/newuidmap", O_PATH | O_CLOEXEC);
		if (fd < 0)
			unavailable(UID, "cannot map a uid of the plugin's own: no /usr/bin/newuidmap (%m)");
		return;
	}
	if (setresgid(1879048192, 1879048192, 1879048192) < 0 || setresuid(1879048192, 1879048192, 1879048192) < 0)
		unavailable(UID, "cannot become another uid: %m");
}

/* Some hosts give the namespace and withhold its rights (AppArmor on Ubuntu 24.04), so use one. */
static void try_user_namespace(void)
{
	if (sethostname("probe", 5) < 0)
		unavailable(USER_NAMESPACE, "cannot use a right inside a user namespace: %m");
}

static int new_tmpfs(unsigned attributes)
{
	const int context = fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot make a tmpfs: %m");
	const int tree = fsmount(context, FSMOUNT_CLOEXEC, attributes);
	if (tree < 0)
		unavailable(MOUNT_NAMESPACE, "cannot mount a tmpfs: %m");
	return tree;
}

static void try_mounts(void)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot make the mounts private: %m");
	const int tree = new_tmpfs(0);
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot set mount attributes: %m");
	if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(tree) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot mount a new root: %m");
	if (kernel_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		unavailable(MOUNT_NAMESPACE, "cannot pivot into a new root: %m");
}

static void try_read_only(void)
{
	const int tree = new_tmpfs(MOUNT_ATTR_RDONLY);

	if (mkdirat(tree, "x", 0700) == 0 || errno != EROFS)
		unavailable(READ_ONLY, "cannot make a mount read-only: writing did not fail");
}

static void try_dev(void)
{
	if (spec.as_root) {
		if (mknodat(new_tmpfs(0), "null", S_IFCHR | 0666, makedev(1, 3)) < 0)
			unavailable(DEV, "cannot make a device node: %m");
	} else if (open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC) < 0) {
		unavailable(DEV, "cannot bind /dev/null: %m");
	}
}

static void try_proc(void)
{
	const int context = fsopen("proc", FSOPEN_CLOEXEC);

	if (context < 0)
		unavailable(PROC, "cannot make a /proc: %m");
	if (fsconfig(context, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0 ||
	    fsconfig(context, FSCONFIG_SET_STRING, "hidepid", "invisible", 0) < 0)
		unavailable(PROC, "cannot limit /proc to processes: %m");
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 || fsmount(context, FSMOUNT_CLOEXEC, 0) < 0)
		unavailable(PROC, "cannot mount a new /proc: %m%s",
			    errno == EPERM ? " (is a part of the host's /proc covered, as in a container?)" : "");
}

static void try_capabilities(void)
{
	ids_drop_capabilities(&spec);
}

static void try_no_new_privs(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		unavailable(NO_NEW_PRIVS, "cannot set no_new_privs: %m");
}

static void try_seccomp(void)
{
	try_no_new_privs();
	seccomp_install(&spec);
	if (syscall(SYS_ptrace, 0, 0, 0, 0) == 0 || errno != EPERM)
		unavailable(SECCOMP, "cannot filter system calls: a refused call went through");
}

static void try_landlock(void)
{
	const struct landlock_ruleset rules = {.handled_fs = LANDLOCK_FS_EXECUTE};

	if (landlock_abi() == 0)
		unavailable(LANDLOCK, "cannot use Landlock: %m");
	try_no_new_privs();
	const int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, 8, 0);
	if (ruleset < 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		unavailable(LANDLOCK, "cannot enforce Landlock: %m");
}

static void try_session(void)
{
	if (setsid() < 0)
		unavailable(SESSION, "cannot begin a new session: %m");
}

static void try_descriptors(void)
{
	answer_pipe = dup2(answer_pipe, 3);
	if (close_range(4, ~0U, 0) < 0)
		unavailable(DESCRIPTORS, "cannot close ranges of descriptors: %m");
}

static void try_keyring(void)
{
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		unavailable(KEYRING, "cannot join a new session keyring: %m");
}

static void try_rlimits(void)
{
	rlimits_set(&spec);
}

static void try_parent_death(void)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || pidfd_open(getpid(), 0) < 0)
		unavailable(PARENT_DEATH, "cannot watch the parent: %m");
}

/* Whether a folder for leaves can be had is the caller's question; here, whether the kernel has the controller. */
static void find_controller(enum layer layer, const char *name)
{
	char bytes[4096];
	const int fd = open("/proc/cgroups", O_RDONLY | O_CLOEXEC);
	const ssize_t got = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);
	const size_t length = strlen(name);

	if (got < 0)
		refuse(LAYER_UNAVAILABLE, layer, "cannot read /proc/cgroups: %m");
	bytes[got] = '\0';
	for (const char *line = bytes; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
		if (strncmp(line, name, length) != 0 || line[length] != '\t')
			continue;
		const char *end = strchr(line, '\n');
		if (end && end[-1] == '1')
			return;
	}
	errno = ENOENT;
	refuse(LAYER_UNAVAILABLE, layer, "cannot limit %s: the kernel has no such cgroup controller", layer_names[layer]);
}

static void try_memory(void) { find_controller(LAYER_MEMORY, "memory"); }
static void try_processes(void) { find_controller(LAYER_PROCESSES, "pids"); }
static void try_cpu(void) { find_controller(LAYER_CPU, "cpu"); }

static void try_network(void)
{
	int ends[2];

	if (!namespaces_raise_loopback() || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		unavailable(NETWORK, "cannot prepare a network: %m");
	spec.network.ports[0] = 443;
	spec.network.port_count = 1;
	ports_open(&spec, ends[0]);
}

static const struct trial trials[] = {
	{LAYER_UID, 0, try_uid, "a host uid per plugin"},
	{LAYER_USER_NAMESPACE, CLONE_NEWUSER | CLONE_NEWUTS, try_user_namespace, "made, and its rights work"},
	{LAYER_MOUNT_NAMESPACE, CLONE_NEWUSER | CLONE_NEWNS, try_mounts, "new root entered by pivot_root"},
	{LAYER_PID_NAMESPACE, CLONE_NEWUSER | CLONE_NEWPID, nothing_more, "made"},
	{LAYER_NET_NAMESPACE, CLONE_NEWUSER | CLONE_NEWNET, nothing_more, "made"},
	{LAYER_NETWORK, CLONE_NEWUSER | CLONE_NEWNET, try_network, "every address led to a listener"},
	{LAYER_IPC_NAMESPACE, CLONE_NEWUSER | CLONE_NEWIPC, nothing_more, "made"},
	{LAYER_UTS_NAMESPACE, CLONE_NEWUSER | CLONE_NEWUTS, nothing_more, "made"},
	{LAYER_CGROUP_NAMESPACE, CLONE_NEWUSER | CLONE_NEWCGROUP, nothing_more, "made"},
	{LAYER_CAPABILITIES, CLONE_NEWUSER, try_capabilities, "all five sets emptied, secure bits locked"},
	{LAYER_NO_NEW_PRIVS, 0, try_no_new_privs, "set"},
	{LAYER_SECCOMP, 0, try_seccomp, "filter installed, a refused call was refused"},
	{LAYER_LANDLOCK, 0, try_landlock, "ruleset enforced"},
	{LAYER_MEMORY, 0, try_memory, "controller known to the kernel"},
	{LAYER_PROCESSES, 0, try_processes, "controller known to the kernel"},
	{LAYER_CPU, 0, try_cpu, "controller known to the kernel"},
	{LAYER_READ_ONLY, CLONE_NEWUSER | CLONE_NEWNS, try_read_only, "writing gave EROFS"},
	{LAYER_DESCRIPTORS, 0, try_descriptors, "close_range works"},
	{LAYER_SESSION, 0, try_session, "begun"},
	{LAYER_DEV, CLONE_NEWUSER | CLONE_NEWNS, try_dev, "null can be made or bound"},
	{LAYER_PROC, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID, try_proc, "mounted anew with subset=pid, hidepid=invisible"},
	{LAYER_RLIMITS, 0, try_rlimits, "set"},
	{LAYER_KEYRING, 0, try_keyring, "joined"},
	{LAYER_PARENT_DEATH, 0, try_parent_death, "signal and pidfd work"},
	{LAYER_KILL_TREE, CLONE_NEWUSER | CLONE_NEWPID, nothing_more, "by the death of pid 1, and cgroup.kill where there is v2"},
};

static bool is_namespace(enum layer layer)
{
	return strchr(layer_names[layer], '-') != NULL && strcmp(strchr(layer_names[layer], '-'), "-namespace") == 0;
}

/* Returns true if the layer can be built; otherwise `refusal` says what failed. */
static bool attempt(const struct trial *trial, struct refusal *refusal)
{
	struct clone_args arguments = {.flags = trial->namespaces, .exit_signal = SIGCHLD};
	int ends[2], status;

	*refusal = (struct refusal){.layer = trial->layer};
	struct text reason = {refusal->reason, 0, sizeof refusal->reason};
	/* Device nodes are made by root outside, so that trial stays in the host's user namespace. */
	if (trial->layer == LAYER_DEV && spec.as_root)
		arguments.flags = 0;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		refusal->number = errno;
		text_print(&reason, "cannot make a pipe: %m");
		return false;
	}
	long pid = kernel_clone3(&arguments);
	/* Where a filter takes clone3 away the launcher cannot do; but what needs no namespace is tried all the same. */
	if (pid < 0 && errno == ENOSYS && arguments.flags == 0)
		pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		close(ends[0]);
		answer_pipe = ends[1];
		refusals_go_to(send_answer);
		trial->attempt();
		_exit(0);
	}
	const int number = errno;
	close(ends[1]);
	if (pid < 0) {
		errno = refusal->number = number;
		if (is_namespace(trial->layer))
			text_print(&reason, "cannot make a new %s: %m", layer_names[trial->layer]);
		else
			text_print(&reason, "cannot try it: it needs a namespace, and cannot make one: %m");
	} else {
		const ssize_t got = read(ends[0], refusal, sizeof *refusal);
		while (waitpid((pid_t)pid, &status, 0) < 0 && errno == EINTR)
			continue;
		if (got == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
			close(ends[0]);
			return true;
		}
		if (got != (ssize_t)sizeof *refusal)
			text_print(&reason, "cannot finish the trial: the child died");
	}
	close(ends[0]);
	return false;
}

static void complain(const struct refusal *refusal)
{
	TEXT(line, 700);

	text_print(&line, "%s\n", refusal->reason);
	if (write(STDERR_FILENO, line.bytes, line.length) < 0)
		_exit(125);
	_exit(125);
}

static uint64_t id_of(const char *digits)
{
	uint64_t id = 0;

	if (digits[0] == '\0' || strlen(digits) > 10 || strspn(digits, "0123456789") != strlen(digits))
		invalid("cannot map an id: it is not a number");
	for (; *digits; digits++)
		id = id * 10 + (uint64_t)(*digits - '0');
	return id;
}

int probe_ids(const char *uid, const char *gid)
{
	struct spec mapped = {.helper = true};
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	int go[2];
	char byte;

	refusals_go_to(complain);
	mapped.uid = id_of(uid);
	mapped.gid = id_of(gid);
	if (pipe2(go, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	const long pid = kernel_clone3(&arguments);
	if (pid < 0)
		unavailable(USER_NAMESPACE, "cannot make a new %s: %m", layer_names[LAYER_USER_NAMESPACE]);
	if (pid == 0) { /* it lives until we let go of the pipe, whatever becomes of us */
		close(go[1]);
		_exit(read(go[0], &byte, 1) < 0);
	}
	close(go[0]);
	ids_map(&mapped, (pid_t)pid);
	return 0;
}

int probe_filtered(void)
{
	TEXT(line, 1024);

	text_add(&line, "{\"filtered\":");
	filtered_print(&line);
	text_add(&line, "}\n");
	return write(STDOUT_FILENO, line.bytes, line.length) < 0 ? 125 : 0;
}

int probe(bool as_user)
{
	spec.as_root = geteuid() == 0 && !as_user;
	spec.files = 64;
	spec.processes = 32;
	for (size_t i = 0; i < sizeof trials / sizeof trials[0]; i++) {
		TEXT(line, 1024);
		struct refusal refusal;
		const bool available = attempt(&trials[i], &refusal);

		text_add(&line, "{\"layer\":");
		text_json(&line, layer_names[trials[i].layer]);
		text_add(&line, available ? ",\"available\":true,\"detail\":" : ",\"available\":false,\"detail\":");
		text_json(&line, available ? trials[i].detail : refusal.reason);
		if (!available) {
			text_add(&line, ",\"errno\":");
			text_json(&line, errno_name(refusal.number));
		}
		if (trials[i].layer == LAYER_LANDLOCK) {
			text_add(&line, ",\"abi\":");
			text_number(&line, landlock_abi());
		}
		text_add(&line, "}\n");
		if (write(STDOUT_FILENO, line.bytes, line.length) < 0)
			return 125;
	}
	return probe_filtered();
}
