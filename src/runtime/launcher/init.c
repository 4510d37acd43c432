#include "init.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/wait.h>

#include "cgroup.h"
#include "denials.h"
#include "hold.h"
#include "ids.h"
#include "kernel.h"
#include "landlock.h"
#include "mounts.h"
#include "namespaces.h"
#include "payload.h"
#include "processor.h"
#include "rlimits.h"
#include "seccomp.h"

static int status_pipe;

static void send_message(const struct message *message)
{
	if (status_pipe < 0)
		return;
	/* When the launcher is gone there is nobody to tell, and the parent-death signal is on its way. */
	if (write(status_pipe, message, sizeof *message) < 0)
		_exit(125);
}

static void NORETURN send_refusal(const struct refusal *refusal)
{
	struct message message = {.kind = MESSAGE_REFUSED};

	message.refusal = *refusal;
	send_message(&message);
	_exit(125);
}

static void await_identity(const struct init *init)
{
	char byte;
	ssize_t got;

	do
		got = read(init->go, &byte, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1)
		_exit(125); /* the launcher died: it closed its end without a byte */
	if (!init->spec->held)
		close(init->go);
}

/* First in line when memory is short on the whole host. A process may always raise its own score. */
static void volunteer_for_oom(const struct spec *spec)
{
	if (!wants(spec, LAYER_MEMORY))
		return;
	const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "500", 3) < 0)
		unavailable(MEMORY, "cannot raise oom_score_adj: %m");
	close(fd);
}

/* The signal is bound to the launcher's only thread and cleared by changes of uid, so it is asked for after them. */
static void die_with_launcher(const struct spec *spec)
{
	struct pollfd launcher = {.fd = status_pipe, .events = 0};

	if (!wants(spec, LAYER_PARENT_DEATH))
		return;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		unavailable(PARENT_DEATH, "cannot ask for the parent's death signal: %m");
	/* It may have died just before: then nobody reads this pipe any more. */
	if (poll(&launcher, 1, 0) < 0)
		failed("cannot poll the status pipe: %m");
	if (launcher.revents & POLLERR)
		_exit(125);
}

void init_own_keyring(const struct spec *spec)
{
	/* Keys are in no namespace: without this the caller's session keyring would be the plugin's (CVE-2016-0728). */
	if (wants(spec, LAYER_KEYRING) && syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		unavailable(KEYRING, "cannot join a new session keyring: %m");
}

static void begin_session(const struct spec *spec)
{
	if (wants(spec, LAYER_SESSION) && setsid() < 0)
		unavailable(SESSION, "cannot begin a new session: %m");
	init_own_keyring(spec);
}

static void forbid_new_privileges(const struct spec *spec)
{
	if (wants(spec, LAYER_NO_NEW_PRIVS) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		unavailable(NO_NEW_PRIVS, "cannot set no_new_privs: %m");
}

enum { KEPT_STATUS, KEPT_TMP, KEPT_DATA };

/* Of all it has held, the caller's stdio and report among them, init needs three for what it still does. */
static void keep_descriptors(void)
{
	const int kept[] = {[KEPT_STATUS] = status_pipe, [KEPT_TMP] = mounts_tmp(), [KEPT_DATA] = mounts_data()};

	for (int fd = KEPT_STATUS; fd <= KEPT_DATA; fd++)
		if (kept[fd] < 0)
			close(fd);
		else if (dup3(kept[fd], fd, O_CLOEXEC) < 0)
			failed("cannot keep descriptor %d: %m", kept[fd]);
	status_pipe = KEPT_STATUS;
	if (close_range(KEPT_DATA + 1, ~0U, 0) < 0)
		failed("cannot close descriptors: %m");
}

enum { PAGE = 4096 };

static struct room room_of(int fd, bool sized)
{
	struct statfs status;

	if (fstatfs(fd, &status) < 0)
		return (struct room){.used_bytes = -1};
	return (struct room){
		.used_bytes = sized ? (int64_t)(status.f_blocks - status.f_bfree) * status.f_bsize : -1,
		/* Not the last page: fuse2fs never gives it, and smaller blocks cannot hold one. */
		.full = status.f_bavail * (uint64_t)status.f_bsize < 2 * PAGE || (status.f_files > 0 && status.f_ffree == 0),
	};
}

static void watched_signals(sigset_t *set)
{
	static const int watched[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

	sigemptyset(set);
	for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++)
		sigaddset(set, watched[i]);
}

static void end_without_launcher(void)
{
	struct pollfd launcher = {.fd = status_pipe, .events = 0};

	if (poll(&launcher, 1, 0) > 0 && launcher.revents & POLLERR)
		_exit(125);
}

/* The parent-death signal is of a preloaded parent there. That the launcher died is told by the pipe that it reads from. */
static void watch_launcher(sigset_t *set)
{
	sigaddset(set, SIGIO);
	if (fcntl(status_pipe, F_SETOWN, getpid()) < 0 || fcntl(status_pipe, F_SETFL, O_ASYNC) < 0)
		failed("cannot watch the launcher: %m");
	end_without_launcher();
}

/* Reaps all, passes on what the launcher sends, and returns the wait status of the payload. */
static int reap_until_end(const struct spec *spec, pid_t payload)
{
	const pid_t launcher = getppid(); /* 0 when it lives outside this pid namespace, as it should */
	sigset_t set;
	siginfo_t info;

	watched_signals(&set);
	if (spec->apart && wants(spec, LAYER_PARENT_DEATH))
		watch_launcher(&set);
	for (;;) {
		int status;
		const int signal = sigwaitinfo(&set, &info);
		if (signal < 0)
			continue;
		if (signal == SIGIO) {
			end_without_launcher();
			continue;
		}
		if (signal != SIGCHLD) {
			/* The plugin may send us signals too; only the launcher's are passed on. */
			if (info.si_pid == launcher && kill(payload, signal) < 0 && errno != ESRCH)
				continue;
			continue;
		}
		for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
			if (pid == payload)
				return status;
	}
}

void init_reports_to(int status)
{
	status_pipe = status;
	refusals_go_to(send_refusal);
}

static void read_payload(int from, struct message *message)
{
	ssize_t got;

	do
		got = read(from, message, sizeof *message);
	while (got < 0 && errno == EINTR);
	if (got != sizeof *message)
		_exit(125);
}

/* What the launcher says to a program that is held; the socket keeps it whole. */
static void pass_words(int go, int into)
{
	static struct hold_words words;

	if (!hold_await(go, &words) || write(into, &words, hold_size(&words)) != (ssize_t)hold_size(&words))
		_exit(125);
	close(go);
}

/* Its pid, once it has confined itself; it never saw the status pipe, so what it refuses for is passed on. */
static pid_t await_payload(const struct init *init)
{
	struct message message;

	read_payload(init->payload, &message);
	if (message.kind == MESSAGE_HELD && init->spec->held) {
		send_message(&message);
		pass_words(init->go, init->payload);
		read_payload(init->payload, &message);
	}
	if (message.kind != MESSAGE_STARTED) {
		send_message(&message);
		_exit(125);
	}
	return message.status;
}

/* Init keeps nothing that the payload does not have, so both were confined, once; or, apart, each for itself. */
static void NORETURN run_payload(const struct init *init)
{
	const struct spec *spec = init->spec;
	struct message message = {.kind = MESSAGE_STARTED};
	const pid_t payload = spec->apart ? await_payload(init) : payload_start(spec, init->stdio, init->status, init->go);

	processor_leave();
	keep_descriptors();
	/* If it refused, its message is in the pipe before this one and the launcher stops reading there. */
	send_message(&message);
	message.status = reap_until_end(spec, payload);
	message.kind = MESSAGE_ENDED;
	message.tmp = room_of(KEPT_TMP, spec->tmp_bytes > 0);
	message.data = room_of(KEPT_DATA, spec->data_bytes > 0);
	send_message(&message);
	_exit(0);
}

void init_surrender(const struct init *init)
{
	const struct spec *spec = init->spec;

	rlimits_forbid_cores(spec);       /* the filter forbids to change it */
	ids_drop_capabilities(spec);      /* no capability survives this line */
	forbid_new_privileges(spec);
	landlock_restrict(spec);
	/* last: it would forbid the steps above */
	denials_hand_out(init->door, seccomp_install(spec));
	ids_drop_last_capability(spec);
}

void init_main(const struct init *init)
{
	const struct spec *spec = init->spec;

	init_reports_to(init->status);

	volunteer_for_oom(spec);
	cgroup_join();                    /* limits count from here on */
	namespaces_settle(spec);
	if (wants(spec, LAYER_MOUNT_NAMESPACE) && !spec->as_root)
		mounts_open_sources(spec); /* still with the caller's id */
	if (wants(spec, LAYER_MOUNT_NAMESPACE) && spec->as_root)
		mounts_enter_root(spec);   /* while the launcher writes the maps */
	await_identity(init);
	ids_become(spec);                 /* not root from here on, inside or outside */
	die_with_launcher(spec);
	begin_session(spec);
	if (wants(spec, LAYER_MOUNT_NAMESPACE) && !spec->as_root) {
		mounts_make_trees(spec);   /* files need an owner, so only now */
		mounts_enter_root(spec);
	}
	init_surrender(init);
	run_payload(init);
}

/* The user namespace was mapped before this process began, and there is no right of the host's it could use before. */
void init_first(const struct init *init, void (*invite)(void))
{
	const struct spec *spec = init->spec;
	sigset_t set;

	init_reports_to(init->status);
	watched_signals(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGPIPE);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		failed("cannot block signals: %m");
	cgroup_join();
	namespaces_settle(spec);
	mounts_enter_root(spec);
	await_identity(init);
	ids_become(spec);
	die_with_launcher(spec);
	begin_session(spec);
	invite(); /* as long as its namespaces may still be entered */
	init_surrender(init);
	run_payload(init);
}

/* What of the above an OCI runtime has left to us. The session and its keyring, and the cgroups, are its work. */
void init_inside(const struct init *init)
{
	const struct spec *spec = init->spec;
	sigset_t set;

	watched_signals(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		failed("cannot block signals: %m");
	die_with_launcher(spec);
	rlimits_forbid_cores(spec);
	forbid_new_privileges(spec);
	landlock_restrict(spec);
	seccomp_install(spec);
	run_payload(init);
}
