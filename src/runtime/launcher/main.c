/*
 * bulkhead-launch: runs one program in a watertight compartment, once.
 *
 * Theory of operation. Three processes. The *launcher* (this file's `launch`) is started by TypeScript with a
 * specification, prepares from outside what only the host's side can (cgroups, ids, detached mounts), clones
 * *init* into every new namespace, and supervises: it pumps the program's input and output, watches clocks,
 * signals and its own parent, and at the end kills and reaps all and writes the report. *Init* (init.c) is pid 1
 * of the sandbox. It joins the cgroups, becomes the plugin's user, moves into the new root, and then surrenders
 * every right there is, in an order in which each step is still allowed and none can be undone; only then does it
 * start the *payload* (payload.c), which therefore never had a right to lose, and stays behind as a reaper that
 * the payload can neither signal nor inspect.
 *
 * Trust. The specification is the caller's and is checked as a whole before anything is done. What the plugin can
 * write is never resolved as a path by this side. What cannot be built is refused (exit 125, and a sentence):
 * there are no warnings. A layer is left out only if the specification names it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "copy.h"
#include "denials.h"
#include "engine.h"
#include "first.h"
#include "fork-server.h"
#include "freeze.h"
#include "ids.h"
#include "init.h"
#include "inside.h"
#include "journal.h"
#include "kernel.h"
#include "landlock.h"
#include "lock.h"
#include "log.h"
#include "mounts.h"
#include "namespaces.h"
#include "network.h"
#include "orphans.h"
#include "parent.h"
#include "preload.h"
#include "probe.h"
#include "processor.h"
#include "project.h"
#include "refusal.h"
#include "report.h"
#include "seal.h"
#include "spec.h"
#include "stop.h"
#include "supervise.h"
#include "text.h"
#include "title.h"
#include "unlock.h"

enum { SPEC_FD = 3, REPORT_FD = 4, CONTROL_FD = 5 };

static struct spec spec;
static struct run run = {.spec = &spec, .init_fd = -1, .status = -1, .parent = -1, .control = -1, .go = -1};

/* A refusal of the launcher itself: leave nothing behind, say why, 125. */
static void NORETURN refuse_run(const struct refusal *refusal)
{
	struct ending ending = {.outcome = REFUSED, .refusal = refusal, .wall_ms = -1, .cpu_ms = -1,
				.memory_peak_bytes = -1, .processes_peak = -1, .io_read_bytes = -1,
				.io_write_bytes = -1,
				.output_bytes = -1, .tmp_bytes = -1, .data_bytes = -1, .files_peak = -1,
				.network_bytes = -1};

	supervise_abandon(&run);
	network_abandon();
	engine_remove(&spec);
	cgroup_remove(&spec);
	parent_remove();
	report_ended(&ending);
	_exit(report_exit_status(&ending));
}

/* Descriptors 0 to 2 must be somebody's, or the next file opened would become the plugin's output. */
static void check_stdio(void)
{
	struct pollfd standard[3] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};

	if (poll(standard, 3, 0) < 0)
		failed("cannot look at the standard descriptors: %m");
	for (int fd = 0; fd < 3; fd++)
		if (standard[fd].revents & POLLNVAL && open("/dev/null", O_RDWR) != fd)
			failed("cannot open /dev/null: %m");
}

/* /proc/PID/environ shows what execve put there for as long as a process lives, in init too (bubblewrap#725). */
static void forget_environment(char **environment)
{
	for (; *environment; environment++)
		memset(*environment, 0, strlen(*environment));
}

/* `plugins run` hands itself over by execve, so the specification comes from a file only its writer could make. */
static int open_spec_file(const char *path)
{
	struct stat status;
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		invalid("cannot open the specification %s: %m", path);
	if (fstat(fd, &status) < 0)
		invalid("cannot read the status of %s: %m", path);
	if (!S_ISREG(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 07777) != 0600 ||
	    status.st_nlink != 1)
		invalid("cannot trust the specification %s: it is not a file of the caller with mode 0600 and one name",
			path);
	if (unlink(path) < 0)
		invalid("cannot remove the specification %s: %m", path);
	return fd;
}

static void close_on_exec(int fd)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		failed("cannot keep descriptor %d: %m", fd);
}

/* Keeps the report and the control pipe, and lets go of everything else the caller may have left open. */
static void close_others(int spec_fd, int report_fd)
{
	close(spec_fd);
	if (report_fd >= 0)
		close_on_exec(report_fd);
	if (spec.control) {
		close_on_exec(CONTROL_FD);
		run.control = CONTROL_FD;
	}
	if (!wants(&spec, LAYER_DESCRIPTORS))
		return;
	if ((report_fd != 3 && report_fd != 4 && close_range(3, 4, 0) < 0) ||
	    close_range(spec.control ? CONTROL_FD + 1 : CONTROL_FD, ~0U, 0) < 0)
		unavailable(DESCRIPTORS, "cannot close inherited descriptors: %m");
}

/*
 * By process, not by thread: PR_SET_PDEATHSIG would fire when the thread that spawned us ends. A parent that lives
 * outside of our pid namespace, as that of `docker run` and `docker exec` does, is 0 here and cannot be watched by
 * anybody inside: what ends such a run is the end of its container, a signal, a limit, or the control pipe.
 */
static void watch_parent(void)
{
	const pid_t parent = getppid();

	if (!wants(&spec, LAYER_PARENT_DEATH) || parent == 0)
		return;
	run.parent = pidfd_open(parent, 0);
	if (run.parent < 0)
		unavailable(PARENT_DEATH, "cannot watch the parent process: %m");
}

/* Signals become readable; SIGPIPE is blocked too, so that a closed pipe is an error and not our end. */
static void catch_signals(void)
{
	static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	sigset_t set, blocked;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++)
		sigaddset(&set, passed[i]);
	blocked = set;
	sigaddset(&blocked, SIGPIPE);
	sigaddset(&blocked, SIGCHLD); /* init waits for its own */
	if (orphans_are_ours())
		sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &blocked, NULL) < 0)
		failed("cannot block signals: %m");
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	if (sigaction(SIGCHLD, &standard, NULL) < 0) /* if the caller ignored it, nothing could be waited for */
		failed("cannot reset SIGCHLD: %m");
	run.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run.signals < 0)
		failed("cannot read signals: %m");
}

static void make_pipe(int *ours, int *theirs, bool we_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	*ours = ends[we_write];
	*theirs = ends[!we_write];
	/* A pipe's two ends are two descriptions: the plugin's end stays blocking, as programs expect. */
	if (fcntl(*ours, F_SETFL, O_NONBLOCK) < 0)
		failed("cannot make a pipe nonblocking: %m");
}

static void start_sandbox(void)
{
	struct init init = {.spec = &spec};
	int go[2];

	for (int fd = 0; fd < 3; fd++)
		make_pipe(&run.stdio[fd], &init.stdio[fd], fd == 0);
	make_pipe(&run.status, &init.status, false);
	if (pipe2(go, O_CLOEXEC) < 0)
		failed("cannot make a pipe: %m");
	init.go = go[0];
	init.door = denials_open(&spec);

	ids_own_namespace(&spec);
	run.init = namespaces_clone(&spec, cgroup_v2_leaf(), &run.init_fd);
	if (run.init != 0)
		ids_own_no_more(&spec);
	if (run.init == 0) {
		/* What init must not hold: if it did, it would not notice our death. */
		close(go[1]);
		close(run.status);
		init_main(&init);
	}
	for (int fd = 0; fd < 3; fd++)
		close(init.stdio[fd]);
	close(init.status);
	if (init.door >= 0)
		close(init.door);
	ids_map(&spec, run.init);
	network_await(&spec, run.status);
	if (write(go[1], "g", 1) != 1 && errno != EPIPE)
		failed("cannot release the sandbox: %m");
	close(go[0]);
	if (spec.held)
		run.go = go[1];
	else
		close(go[1]);
}

static int launch(const char *spec_path)
{
	struct ending ending = {0};

	const int report_fd = spec_path ? -1 : REPORT_FD;
	report_open(NULL, report_fd);
	refusals_go_to(refuse_run);
	check_stdio();
	const int spec_fd = spec_path ? open_spec_file(spec_path) : SPEC_FD;
	report_open(&spec, report_fd);
	spec_read(&spec, spec_fd, spec_path != NULL);
	/* One that was started ahead has waited here. */
	processor_stay();
	run.began_ms = supervise_clock_ms();
	journal_open(&spec, report_fd);
	log_open(&spec);
	close_others(spec_fd, report_fd);
	umask(0);
	if (chdir("/") < 0)
		failed("cannot enter /: %m");

	ids_prepare(&spec);
	if (!engine_wanted(&spec) && !spec.preload)
		namespaces_begin(&spec);
	title_set(spec.name);
	watch_parent();
	catch_signals();
	run.landlock = landlock_check(&spec);
	mounts_check_root(&spec);
	parent_prepare(&spec);
	cgroup_make_unified(&spec);
	preload_call(&spec);
	cgroup_make(&spec);
	network_begin(&spec);
	if (engine_wanted(&spec)) {
		engine_start(&run);
	} else {
		if (spec.as_root && wants(&spec, LAYER_MOUNT_NAMESPACE)) {
			mounts_open_sources(&spec);
			mounts_make_trees(&spec);
			if (spec.preload || spec.parent)
				lock_trees(&spec);
		}
		if (spec.preload)
			preload_start(&run);
		else
			start_sandbox();
		lock_reap();
	}
	processor_leave();
	supervise(&run, &ending);
	engine_remove(&spec);
	cgroup_remove(&spec);
	parent_remove();
	report_ended(&ending);
	return report_exit_status(&ending);
}

static int complain(const char *sentence)
{
	TEXT(text, 512);

	text_print(&text, "plugins: %s\n", sentence);
	if (write(2, text.bytes, text.length) < 0)
		return 125;
	return 125;
}

/* Keeps a cgroup for the user's systemd, which takes away those that nobody is in. */
static int hold(void)
{
	while (poll(NULL, 0, -1) < 0 && errno == EINTR)
		;
	return 125;
}

static int print_version(void)
{
#if defined(__x86_64__)
	static const char version[] = "bulkhead-launch 1 x86_64\n";
#else
	static const char version[] = "bulkhead-launch 1 aarch64\n";
#endif
	return write(1, version, sizeof version - 1) == (ssize_t)(sizeof version - 1) ? 0 : 125;
}

/*
 * Tables that are mostly empty cost nothing as long as their pages are small. Where the kernel gives huge ones unasked
 * (transparent_hugepage=always, Debian's default), the first byte would cost 2 MiB, in the launcher and again in init.
 */
static void keep_pages_small(void)
{
	extern char __bss_start[], _end[];
	const uintptr_t page = 4096, from = ((uintptr_t)__bss_start + page - 1) & -page;

	/* A kernel without huge pages refuses, and has nothing to be asked for. */
	syscall(SYS_madvise, from, (uintptr_t)_end - from, MADV_NOHUGEPAGE);
}

int main(int argc, char **argv, char **environment)
{
	keep_pages_small();
	if (argc == 3 && strcmp(argv[1], "--inside") == 0)
		inside(argv[2], environment);
	forget_environment(environment);
	if (argc == 1)
		return launch(NULL);
	if (argc == 3 && strcmp(argv[1], "--spec") == 0)
		return launch(argv[2]);
	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return probe(false);
	if (argc == 3 && strcmp(argv[1], "--probe") == 0 && strcmp(argv[2], "user") == 0)
		return probe(true);
	if (argc == 4 && strcmp(argv[1], "--ids") == 0)
		return probe_ids(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "--filtered") == 0)
		return probe_filtered();
	if (argc == 3 && strcmp(argv[1], "--seal") == 0)
		return seal(argv[2]);
	if ((argc >= 3 && argc <= 6 && argc != 5) && strcmp(argv[1], "--project") == 0)
		return project(argv[2], argc > 3 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL, argc > 4 ? argv[5] : NULL);
	if (argc == 5 && strcmp(argv[1], "--unlock") == 0)
		return unlock(argv[2], argv[3], argv[4]);
	if (argc >= 5 && strcmp(argv[1], "--copy") == 0)
		return copy(argc - 2, argv + 2);
	if (argc == 4 && strcmp(argv[1], "--exchange") == 0)
		return exchange(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "--thaw") == 0)
		return thaw_mount(argv[2]);
	if (argc == 2 && strcmp(argv[1], "--first") == 0)
		first();
	if (argc == 3 && strcmp(argv[1], "--fork-server") == 0)
		return fork_server(argv[2]);
	if (argc == 2 && strcmp(argv[1], "--hold") == 0)
		return hold();
	if (argc == 5 && strcmp(argv[1], "--stop") == 0)
		return stop(argv[2], argv[3], argv[4]);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print_version();
	return complain("cannot understand the arguments: none, --spec FILE, --probe [user], --ids UID GID, --filtered, --seal DIR, "
			"--project FOLDER [ID [BYTES INODES]], --unlock FOLDER UID GID, "
			"--copy FROM INTO BYTES [--as UID GID | --frozen MOUNT], --exchange ONE OTHER, --thaw MOUNT, --fork-server PATH, --hold, --stop PID START GRACE_MS or --version");
}
