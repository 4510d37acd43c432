/*
 * Runs a program and counts the system calls of it, and of everything it starts, that change something below one folder.
 * Before the N-th one something happens: the program is killed, the call fails, a command is run while everything stands
 * still. A call is a boundary: what a crash between two of them leaves behind is what it leaves behind at the second.
 *
 * A seccomp filter hands these calls, and no others, to this tracer; so programs without a libc, as the launcher is one, are
 * seen too, which no preloaded library would do.
 *
 *   boundary --below DIR [--at N] [--every K] [--log FILE] DO -- PROGRAM ARG...
 *
 * DO: --count | --kill | --kill-all | --signal NUMBER | --fail ERRNO (that call alone) | --failing ERRNO (all from there on)
 *     | --run COMMAND (at N, N + K, N + 2K ...; its argument is the number of the call)
 *
 * Says on descriptor 3 "killed N" as soon as the program is dead, and at the end "end CALLS exit|signal NUMBER".
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "written for x86-64 and arm64"
#endif

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list values;
	va_start(values, format);
	fputs("boundary: ", stderr);
	vfprintf(stderr, format, values);
	fputc('\n', stderr);
	exit(70);
}

/* ---- which calls ---- */

enum { SPACE = 1, READONLY = 2, INPUT = 4 }; /* it may fail for a full disk, for one that is read-only, for a failing one */

struct call {
	long number;
	const char *name;
	int fd;   /* index of a descriptor, or of the folder that a path begins at; -1: none */
	int path; /* index of a path; -1: the descriptor itself is meant */
	int fails;
};

#define ALL (SPACE | READONLY | INPUT)
static const struct call CALLS[] = {
#ifdef __NR_open
	{ __NR_open, "open", -1, 0, ALL },
	{ __NR_creat, "creat", -1, 0, ALL },
	{ __NR_rename, "rename", -1, 1, ALL },
	{ __NR_link, "link", -1, 1, ALL },
	{ __NR_symlink, "symlink", -1, 1, ALL },
	{ __NR_unlink, "unlink", -1, 0, READONLY | INPUT },
	{ __NR_mkdir, "mkdir", -1, 0, ALL },
	{ __NR_rmdir, "rmdir", -1, 0, READONLY | INPUT },
	{ __NR_chmod, "chmod", -1, 0, READONLY | INPUT },
	{ __NR_chown, "chown", -1, 0, READONLY | INPUT },
	{ __NR_lchown, "lchown", -1, 0, READONLY | INPUT },
	{ __NR_mknod, "mknod", -1, 0, ALL },
	{ __NR_utimes, "utimes", -1, 0, READONLY | INPUT },
	{ __NR_renameat, "renameat", 2, 3, ALL },
#endif
	{ __NR_openat, "openat", 0, 1, ALL },
	{ __NR_openat2, "openat2", 0, 1, ALL },
	{ __NR_renameat2, "renameat2", 2, 3, ALL },
	{ __NR_linkat, "linkat", 2, 3, ALL },
	{ __NR_symlinkat, "symlinkat", 1, 2, ALL },
	{ __NR_unlinkat, "unlinkat", 0, 1, READONLY | INPUT },
	{ __NR_mkdirat, "mkdirat", 0, 1, ALL },
	{ __NR_mknodat, "mknodat", 0, 1, ALL },
	{ __NR_fchmodat, "fchmodat", 0, 1, READONLY | INPUT },
	{ __NR_fchownat, "fchownat", 0, 1, READONLY | INPUT },
	{ __NR_utimensat, "utimensat", 0, 1, READONLY | INPUT },
	{ __NR_truncate, "truncate", -1, 0, ALL },
	{ __NR_setxattr, "setxattr", -1, 0, ALL },
	{ __NR_lsetxattr, "lsetxattr", -1, 0, ALL },
	{ __NR_fsetxattr, "fsetxattr", 0, -1, ALL },
	{ __NR_write, "write", 0, -1, ALL },
	{ __NR_pwrite64, "pwrite", 0, -1, ALL },
	{ __NR_writev, "writev", 0, -1, ALL },
	{ __NR_pwritev, "pwritev", 0, -1, ALL },
	{ __NR_pwritev2, "pwritev2", 0, -1, ALL },
	{ __NR_ftruncate, "ftruncate", 0, -1, READONLY | INPUT },
	{ __NR_fallocate, "fallocate", 0, -1, ALL },
	{ __NR_fsync, "fsync", 0, -1, INPUT },
	{ __NR_fdatasync, "fdatasync", 0, -1, INPUT },
	{ __NR_syncfs, "syncfs", 0, -1, INPUT },
	{ __NR_fchmod, "fchmod", 0, -1, READONLY | INPUT },
	{ __NR_fchown, "fchown", 0, -1, READONLY | INPUT },
	{ __NR_ioctl, "ioctl", 0, -1, ALL },
	{ __NR_copy_file_range, "copy_file_range", 2, -1, ALL },
	{ __NR_sendfile, "sendfile", 0, -1, ALL },
	{ __NR_splice, "splice", 2, -1, ALL },
	{ __NR_mount, "mount", -1, 1, INPUT },
	{ __NR_umount2, "umount2", -1, 0, INPUT },
	{ __NR_move_mount, "move_mount", 2, 3, INPUT },
};
#define COUNT (sizeof CALLS / sizeof *CALLS)

static const struct call *call_of(long number)
{
	for (size_t i = 0; i < COUNT; i++)
		if (CALLS[i].number == number)
			return &CALLS[i];
	return NULL;
}

static bool is_open(const char *name)
{
	return strcmp(name, "open") == 0 || strcmp(name, "openat") == 0;
}

/* Opening to read changes nothing, and is most of what a program does. */
#define CHANGING (O_CREAT | O_TRUNC)

static void install_filter(void)
{
	struct sock_filter code[8 + 5 * COUNT];
	size_t n = 0;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT; i++) {
		const bool opens = is_open(CALLS[i].name);
		const size_t flags = CALLS[i].path + 1;
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[i].number, 0, opens ? 4 : 1);
		if (opens) {
			code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
								 offsetof(struct seccomp_data, args[flags]));
			code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CHANGING, 1, 0);
			code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
		}
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog program = { .len = (unsigned short)n, .filter = code };
	if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("cannot give up privileges: %m");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		die("cannot install the filter: %m");
}

/* ---- what is asked for ---- */

enum what { NOTHING, KILL, KILL_ALL, SIGNAL, FAIL, FAILING, RUN };
static const char *below;
static enum what what;
static long at, every, number;
static const char *command;
static FILE *log_file;

static void parse(int *argc, char ***argv)
{
	char **arg = *argv + 1;
	for (; *arg != NULL && strcmp(*arg, "--") != 0; arg++) {
		const char *const name = *arg;
		if (strcmp(name, "--count") == 0)
			continue;
		if (strcmp(name, "--kill") == 0)
			what = KILL;
		else if (strcmp(name, "--kill-all") == 0)
			what = KILL_ALL;
		else if (arg[1] == NULL)
			die("%s has no value", name);
		else if (strcmp(name, "--below") == 0)
			below = *++arg;
		else if (strcmp(name, "--at") == 0)
			at = atol(*++arg);
		else if (strcmp(name, "--every") == 0)
			every = atol(*++arg);
		else if (strcmp(name, "--log") == 0)
			log_file = fopen(*++arg, "we");
		else if (strcmp(name, "--signal") == 0)
			what = SIGNAL, number = atol(*++arg);
		else if (strcmp(name, "--fail") == 0)
			what = FAIL, number = atol(*++arg);
		else if (strcmp(name, "--failing") == 0)
			what = FAILING, number = atol(*++arg);
		else if (strcmp(name, "--run") == 0)
			what = RUN, command = *++arg;
		else
			die("%s is none of its options", name);
	}
	if (below == NULL || *arg == NULL || arg[1] == NULL)
		die("expected --below DIR and a program");
	*argc -= arg + 1 - *argv;
	*argv = arg + 1;
}

/* ---- who is traced ---- */

struct tracee {
	pid_t tid;
	bool stands;   /* it is stopped, and nobody has let it go on */
	bool waiting;  /* it stopped for this while everything was being brought to a stand */
	int status;
};
static struct tracee tracees[4096];
static size_t traced;
static pid_t root;

static struct tracee *tracee_of(pid_t tid)
{
	for (size_t i = 0; i < traced; i++)
		if (tracees[i].tid == tid)
			return &tracees[i];
	if (traced == sizeof tracees / sizeof *tracees)
		die("more than %zu threads", traced);
	tracees[traced] = (struct tracee){ .tid = tid };
	return &tracees[traced++];
}

static void forget(pid_t tid)
{
	for (size_t i = 0; i < traced; i++)
		if (tracees[i].tid == tid)
			tracees[i] = tracees[--traced];
}

static void let_go(pid_t tid, int signal)
{
	tracee_of(tid)->stands = false;
	ptrace(PTRACE_CONT, tid, 0, signal);
}

static pid_t group_of(pid_t tid)
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%d/status", tid);
	FILE *const file = fopen(path, "re");
	int group = tid;
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (sscanf(line, "Tgid: %d", &group) == 1)
			break;
	if (file != NULL)
		fclose(file);
	return group;
}

/* One that waits for a vfork cannot be stopped; it does nothing either. */
static void bring_to_a_stand(void)
{
	for (size_t i = 0; i < traced; i++)
		if (!tracees[i].stands)
			ptrace(PTRACE_INTERRUPT, tracees[i].tid, 0, 0);
	for (int tries = 0; tries < 100; tries++) {
		bool all = true;
		for (size_t i = 0; i < traced; i++) {
			struct tracee *const one = &tracees[i];
			int status;
			if (one->stands)
				continue;
			if (waitpid(one->tid, &status, __WALL | WNOHANG) != one->tid) {
				all = false;
				continue;
			}
			one->stands = true;
			one->waiting = true;
			one->status = status;
		}
		if (all)
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
}

static void kill_all(void)
{
	kill(root, SIGKILL);
	for (size_t i = 0; i < traced; i++)
		kill(group_of(tracees[i].tid), SIGKILL);
}

/* ---- does a call change something below the folder? ---- */

static bool read_text(pid_t tid, uint64_t address, char *into, size_t size)
{
	for (size_t done = 0; done + 1 < size;) {
		/* never over the end of a page: the next one may not be there */
		size_t part = 4096 - (address + done) % 4096;
		if (part > size - 1 - done)
			part = size - 1 - done;
		const struct iovec here = { into + done, part };
		const struct iovec there = { (void *)(uintptr_t)(address + done), part };
		const ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);
		if (got <= 0)
			return false;
		if (memchr(into + done, 0, (size_t)got) != NULL)
			return true;
		done += (size_t)got;
	}
	into[size - 1] = 0;
	return true;
}

static bool link_of(pid_t tid, const char *name, int fd, char *into)
{
	char path[64];
	if (name != NULL)
		snprintf(path, sizeof path, "/proc/%d/%s", tid, name);
	else
		snprintf(path, sizeof path, "/proc/%d/fd/%d", tid, fd);
	const ssize_t length = readlink(path, into, PATH_MAX - 1);
	if (length < 0)
		return false;
	into[length] = 0;
	return true;
}

/* The name as it is meant, without looking at what it leads to; /proc/self/fd/N/... is the way of Node to name a descriptor's. */
static bool path_of(pid_t tid, const struct call *call, const uint64_t args[6], char into[static 2 * PATH_MAX])
{
	char name[PATH_MAX], base[PATH_MAX];
	if (call->path < 0)
		return link_of(tid, NULL, (int)args[call->fd], into);
	if (!read_text(tid, args[call->path], name, sizeof name))
		return false;
	const char *rest = name;
	int fd;
	int length = 0;
	if (sscanf(name, "/proc/self/fd/%d%n", &fd, &length) == 1) {
		if (!link_of(tid, NULL, fd, base))
			return false;
		rest = name + length;
		snprintf(into, 2 * PATH_MAX, "%s%s", base, rest);
		return true;
	}
	if (name[0] == '/') {
		snprintf(into, 2 * PATH_MAX, "%s", name);
		return true;
	}
	fd = call->fd < 0 ? AT_FDCWD : (int)args[call->fd];
	if (!(fd == AT_FDCWD ? link_of(tid, "cwd", 0, base) : link_of(tid, NULL, fd, base)))
		return false;
	snprintf(into, 2 * PATH_MAX, "%s/%s", base, name);
	return true;
}

static bool is_below(const char *path)
{
	const size_t length = strlen(below);
	return strncmp(path, below, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static bool changes(pid_t tid, const struct call *call, const uint64_t args[6])
{
	if (strcmp(call->name, "openat2") == 0) {
		struct open_how how;
		const struct iovec here = { &how, sizeof how };
		const struct iovec there = { (void *)(uintptr_t)args[2], sizeof how };
		return process_vm_readv(tid, &here, 1, &there, 1, 0) == sizeof how && (how.flags & CHANGING) != 0;
	}
	if (strcmp(call->name, "ioctl") == 0)
		return args[1] == FICLONE || args[1] == FICLONERANGE || args[1] == FS_IOC_FSSETXATTR ||
		       args[1] == FS_IOC_SETFLAGS || args[1] == FIFREEZE || args[1] == FITHAW;
	return true;
}

/* ---- what happens ---- */

static long calls;
static bool is_done;

static void refuse(pid_t tid, int error)
{
#if defined(__x86_64__)
	struct user_regs_struct registers;
	ptrace(PTRACE_GETREGS, tid, 0, &registers);
	registers.orig_rax = (unsigned long)-1;
	registers.rax = (unsigned long)-error;
	ptrace(PTRACE_SETREGS, tid, 0, &registers);
#else
	struct user_regs_struct registers;
	struct iovec all = { &registers, sizeof registers };
	int none = -1;
	struct iovec one = { &none, sizeof none };
	ptrace(PTRACE_SETREGSET, tid, NT_ARM_SYSTEM_CALL, &one);
	ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &all);
	registers.regs[0] = (unsigned long)-error;
	ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &all);
#endif
}

/* What is there already needs no room to be opened. */
static bool may_fail(const struct call *call, const char *path)
{
	if (number == ENOSPC)
		return (call->fails & SPACE) && !(strncmp(call->name, "open", 4) == 0 && access(path, F_OK) == 0);
	if (number == EROFS)
		return call->fails & READONLY;
	return call->fails & INPUT;
}

static void say(const char *text, long value)
{
	dprintf(3, "%s %ld\n", text, value);
}

static void at_boundary(pid_t tid, const struct call *call, const char *path)
{
	calls++;
	if (log_file != NULL) {
		fprintf(log_file, "%ld\t%s\t%s\t%s\n", calls, group_of(tid) == root ? "own" : "other", call->name, path);
		fflush(log_file);
	}
	if (at == 0 || calls < at)
		return;
	switch (what) {
	case NOTHING:
		return;
	case KILL:
	case KILL_ALL:
		if (is_done)
			return;
		is_done = true;
		if (what == KILL_ALL)
			kill_all();
		else
			kill(root, SIGKILL);
		say("at", calls);
		return;
	case SIGNAL:
		if (!is_done)
			kill(root, (int)number);
		is_done = true;
		return;
	case FAIL:
		if (!is_done && may_fail(call, path)) {
			is_done = true;
			refuse(tid, (int)number);
		}
		return;
	case FAILING:
		if (may_fail(call, path))
			refuse(tid, (int)number);
		return;
	case RUN:
		if ((calls - at) % (every > 0 ? every : LONG_MAX) != 0)
			return;
		bring_to_a_stand();
		char line[PATH_MAX];
		snprintf(line, sizeof line, "%s %ld </dev/null >&2", command, calls);
		const int status = system(line);
		if (status != 0)
			die("%s: %d", line, status);
		for (size_t i = 0; i < traced; i++) {
			struct tracee *const one = &tracees[i];
			if (one->waiting && WIFSTOPPED(one->status) && one->status >> 8 == (SIGTRAP | PTRACE_EVENT_STOP << 8)) {
				one->waiting = false;
				let_go(one->tid, 0);
			}
		}
		return;
	}
}

static void on_call(pid_t tid)
{
	struct __ptrace_syscall_info info;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) < 0)
		return;
	if (info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return;
	const struct call *const call = call_of((long)info.seccomp.nr);
	uint64_t args[6];
	memcpy(args, info.seccomp.args, sizeof args);
	char path[2 * PATH_MAX];
	if (call == NULL || !changes(tid, call, args) || !path_of(tid, call, args, path) || !is_below(path))
		return;
	at_boundary(tid, call, path);
}

static int ended; /* status of the program itself */
static bool has_ended;

static void on_event(pid_t tid, int status)
{
	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		forget(tid);
		if (tid != root)
			return;
		has_ended = true;
		ended = status;
		if (is_done && (what == KILL || what == KILL_ALL))
			say("killed", calls);
		return;
	}
	tracee_of(tid)->stands = true;
	const int event = status >> 16;
	const int signal = WSTOPSIG(status);
	if (event == PTRACE_EVENT_SECCOMP) {
		on_call(tid);
		let_go(tid, 0);
	} else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
		tracee_of(tid)->stands = false;
		ptrace(PTRACE_LISTEN, tid, 0, 0);
	} else {
		let_go(tid, event == 0 ? signal : 0);
	}
}

#define OPTIONS                                                                                           \
	(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | \
	 PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

static void start(char **argv)
{
	root = fork();
	if (root < 0)
		die("cannot fork: %m");
	if (root == 0) {
		close(3);
		raise(SIGSTOP);
		install_filter();
		execvp(argv[0], argv);
		die("cannot run %s: %m", argv[0]);
	}
	int status;
	if (waitpid(root, &status, WUNTRACED) != root || !WIFSTOPPED(status))
		die("it did not start");
	if (ptrace(PTRACE_SEIZE, root, 0, OPTIONS) < 0) {
		const int why = errno;
		kill(root, SIGKILL); /* it would stand there for ever */
		errno = why;
		die("cannot trace: %m");
	}
	tracee_of(root);
	kill(root, SIGCONT);
}

/* What a killed program leaves running ends by itself, or is ended. */
#define PATIENCE_S 60

int main(int argc, char **argv)
{
	fcntl(3, F_SETFD, FD_CLOEXEC);
	parse(&argc, &argv);
	start(argv);
	time_t deadline = 0;
	for (;;) {
		int status = 0;
		pid_t tid = 0;
		for (size_t i = 0; i < traced && tid == 0; i++) {
			if (!tracees[i].waiting)
				continue;
			tid = tracees[i].tid;
			status = tracees[i].status;
			tracees[i].waiting = false;
		}
		if (tid == 0)
			tid = waitpid(-1, &status, __WALL | (has_ended ? WNOHANG : 0));
		if (tid < 0 && errno == ECHILD)
			break;
		if (tid < 0 && errno != EINTR)
			die("cannot wait: %m");
		if (tid > 0)
			on_event(tid, status);
		if (!has_ended)
			continue;
		if (deadline == 0)
			deadline = time(NULL) + PATIENCE_S;
		if (time(NULL) > deadline)
			kill_all();
		if (tid == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	dprintf(3, "end %ld %s %d\n", calls, WIFEXITED(ended) ? "exit" : "signal",
		WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended));
	return 0;
}
