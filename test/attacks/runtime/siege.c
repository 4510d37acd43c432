/*
 * What the kernel counts for the whole host, or for root, and what outlives its process: `siege NAME [ARG…]` tries one
 * thing and prints "yes …" when it worked, "no ERRNO" when it did not. With "hold" as last argument it then waits for
 * the end of its standard input, so that the host can look at what it holds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int said(int worked)
{
	if (worked)
		puts("yes");
	else
		printf("no %s\n", strerrorname_np(errno) ? strerrorname_np(errno) : "?");
	return 0;
}

static int counted(long count)
{
	printf("%ld\n", count);
	return 0;
}

/* fs.aio-max-nr is one number for the host. */
static int aio(char **a)
{
	unsigned long context = 0;
	return said(syscall(SYS_io_setup, 4096, &context) == 0);
}

/* fs.inotify.max_user_instances is charged up to the owner of the user namespace. */
static int inotify(char **a)
{
	long made = 0;
	for (int process = 0; process < 12; process++) {
		int ready[2];
		char byte;
		pipe(ready);
		if (fork() == 0) {
			int mine = 0;
			while (inotify_init1(0) >= 0)
				mine++;
			write(ready[1], &mine, sizeof mine);
			pause();
		}
		int theirs = 0;
		read(ready[0], &theirs, sizeof theirs);
		close(ready[0]);
		close(ready[1]);
		made += theirs;
	}
	return counted(made);
}

/* So are queued signals. */
static int queue_signals(char **a)
{
	sigset_t set;
	long queued = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (queued < 200000 && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0)
		queued++;
	return counted(queued);
}

static int tcp_pair(int ends[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof at;
	const int server = socket(AF_INET, SOCK_STREAM, 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (server < 0 || ends[0] < 0 || bind(server, (void *)&at, sizeof at) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (void *)&at, &length) < 0 || connect(ends[0], (void *)&at, sizeof at) < 0)
		return -1;
	ends[1] = accept(server, NULL, NULL);
	close(server);
	return ends[1];
}

/* Bytes that lie in the buffers of its own connections, in MiB. */
static int tcp_buffers(char **a)
{
	static char block[65536];
	long total = 0;
	for (int i = 0; i < atoi(a[0]); i++) {
		int ends[2];
		if (tcp_pair(ends) < 0)
			break;
		fcntl(ends[0], F_SETFL, O_NONBLOCK);
		for (int idle = 0; idle < 20;) {
			const ssize_t n = write(ends[0], block, sizeof block);
			if (n > 0)
				total += n, idle = 0;
			else
				usleep(1000), idle++;
		}
	}
	return counted(total >> 20);
}

static int huge_pages(char **a)
{
	return said(mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0) != MAP_FAILED);
}
static int huge_memfd(char **a)
{
	const int fd = syscall(SYS_memfd_create, "x", MFD_HUGETLB);
	return said(fd >= 0 && mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
}
static int plain_memfd(char **a)
{
	return said(syscall(SYS_memfd_create, "x", MFD_CLOEXEC) >= 0);
}

static int core_limit(char **a)
{
	struct rlimit limit;
	getrlimit(RLIMIT_CORE, &limit);
	printf("%ld %ld\n", (long)limit.rlim_cur, (long)limit.rlim_max);
	return 0;
}
/* A limit of 0 is no limit for a core_pattern that is a program; only exactly 1 is. */
static int lower_core_limit(char **a)
{
	const struct rlimit none = {0, 0};
	const int worked = atoi(a[0]) ? syscall(SYS_setrlimit, RLIMIT_CORE, &none) : syscall(SYS_prlimit64, 0, RLIMIT_CORE, &none, NULL);
	return said(worked == 0);
}
static int lower_other_limit(char **a)
{
	const struct rlimit few = {10, 10};
	return said(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &few, NULL) == 0);
}

static int flush_host(char **a) { return said(syncfs(open(a[0], O_RDONLY)) == 0); }
static int page_cache(char **a)
{
	unsigned long range[2] = {0, 4096}, stat[5];
	return said(syscall(451 /* cachestat */, open(a[0], O_RDONLY), range, stat, 0) == 0);
}
static int lock_file(char **a) { return said(flock(open(a[0], O_RDONLY), LOCK_EX | LOCK_NB) == 0); }

static int run_memfd(char **a)
{
	char bytes[65536];
	const int from = open("/proc/self/exe", O_RDONLY), to = syscall(SYS_memfd_create, "x", 0);
	for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
		write(to, bytes, n);
	char *const argv[] = {"x", "yes", NULL}, *const none[] = {NULL};
	syscall(SYS_execveat, to, "", argv, none, 0x1000);
	return said(0);
}
static int yes(char **a) { return said(1); }

static void send_fd(int through, int fd)
{
	char control[CMSG_SPACE(sizeof fd)] = {0}, byte = 0;
	struct iovec one = {&byte, 1};
	struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	*header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	sendmsg(through, &message, 0);
}
/* Standard output in a letter that lies in its own mailbox: closed only when the kernel collects the garbage. */
static int hide_output(char **a)
{
	int ends[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	send_fd(ends[0], 1);
	send_fd(ends[0], 2);
	send_fd(ends[0], ends[0]);
	send_fd(ends[0], ends[1]);
	send_fd(ends[1], ends[0]);
	send_fd(ends[1], ends[1]);
	puts("hidden");
	return 0;
}

/* Opens its own pipes from the other side. */
static int turn_pipes(char **a)
{
	const int in = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK), out = open("/proc/self/fd/0", O_WRONLY | O_NONBLOCK);
	printf("%d %d\n", in >= 0, out >= 0);
	fcntl(1, F_SETFL, O_DIRECT | O_NONBLOCK);
	fcntl(1, F_SETPIPE_SZ, 1 << 20);
	return 0;
}

/* Signals its init with what says it comes from outside. */
static int forge_signal(char **a)
{
	siginfo_t info = {.si_signo = SIGTERM, .si_code = SI_QUEUE};
	info.si_pid = 0;
	info.si_uid = 0;
	for (int i = 0; i < 1000; i++)
		syscall(SYS_rt_sigqueueinfo, 1, i % 2 ? SIGTERM : SIGCHLD, &info);
	usleep(50000);
	return said(1);
}

static int own_killer(char **a)
{
	int ends[2];
	pipe(ends);
	fcntl(ends[0], F_SETOWN, 1);
	fcntl(ends[0], F_SETSIG, SIGKILL);
	fcntl(ends[0], F_SETFL, O_ASYNC);
	write(ends[1], "x", 1);
	fcntl(0, F_SETOWN, 1);
	fcntl(0, F_SETSIG, SIGKILL);
	fcntl(0, F_SETFL, O_ASYNC);
	fcntl(1, F_SETOWN, 1);
	fcntl(1, F_SETSIG, SIGKILL);
	fcntl(1, F_SETFL, O_ASYNC);
	puts("still");
	fflush(stdout);
	usleep(100000);
	return said(1);
}

/* Everything but itself and init. */
static int kill_all(char **a)
{
	if (fork() == 0)
		pause();
	usleep(20000);
	return said(kill(-1, SIGKILL) == 0);
}

/* Children that stop, that never are waited for, and one that waits for a vfork child for ever; then it ends. */
static int leave_odd_ones(char **a)
{
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			raise(SIGSTOP);
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(0);
	if (fork() == 0) {
		setsid();
		if (vfork() == 0)
			for (;;)
				pause();
	}
	if (fork() == 0) {
		for (int i = 1; i < 65; i++)
			signal(i, SIG_IGN);
		fcntl(1, F_SETPIPE_SZ, 1 << 20);
		for (;;)
			sched_yield();
	}
	usleep(50000);
	puts("left");
	return 0;
}

/* init runs under the same uid. */
static int trace_init(char **a) { return said(syscall(SYS_ptrace, 0x4206 /* SEIZE */, 1, 0, 0) == 0); }
static int open_init_memory(char **a) { return said(open("/proc/1/mem", O_RDWR) >= 0); }
static int take_init_fd(char **a)
{
	const int init = syscall(SYS_pidfd_open, 1, 0);
	return said(syscall(SYS_pidfd_getfd, init, 0, 0) >= 0);
}
static int enter_init(char **a)
{
	const int init = syscall(SYS_pidfd_open, 1, 0);
	return said(init >= 0 && setns(init, CLONE_NEWNS) == 0);
}
static int init_robust_list(char **a)
{
	void *head;
	size_t size;
	return said(syscall(SYS_get_robust_list, 1, &head, &size) == 0);
}

static int other_tables(char **a)
{
	static const struct { const char *name; long number; } calls[] = {
		{"keyctl", SYS_keyctl}, {"add_key", SYS_add_key}, {"request_key", SYS_request_key}, {"kcmp", SYS_kcmp},
		{"process_vm_writev", SYS_process_vm_writev}, {"process_madvise", SYS_process_madvise}, {"vmsplice", SYS_vmsplice},
		{"setns", SYS_setns}, {"pivot_root", SYS_pivot_root}, {"chroot", SYS_chroot}, {"umount2", SYS_umount2},
		{"move_mount", SYS_move_mount}, {"open_tree", SYS_open_tree}, {"mount_setattr", SYS_mount_setattr},
		{"fanotify_init", SYS_fanotify_init}, {"quotactl", SYS_quotactl}, {"acct", SYS_acct}, {"swapon", SYS_swapon},
		{"init_module", SYS_init_module}, {"finit_module", SYS_finit_module}, {"kexec_load", SYS_kexec_load},
		{"reboot", SYS_reboot}, {"syslog", SYS_syslog}, {"settimeofday", SYS_settimeofday},
		{"clock_adjtime", SYS_clock_adjtime}, {"name_to_handle_at", SYS_name_to_handle_at}, {"mbind", SYS_mbind},
		{"migrate_pages", SYS_migrate_pages}, {"move_pages", SYS_move_pages}, {"ioprio_set", SYS_ioprio_set},
		{"sched_setattr", SYS_sched_setattr}, {"sync", SYS_sync}, {"seccomp", SYS_seccomp},
		{"remap_file_pages", SYS_remap_file_pages}, {"memfd_secret", 447}, {"lookup_dcookie", SYS_lookup_dcookie},
	};
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		errno = 0;
		/* Arguments that no call accepts: what is told apart is EPERM by the filter and the kernel's own answer. */
		const long result = syscall(calls[i].number, -1L, -1L, -1L, -1L, -1L, -1L);
		if (result >= 0 || (errno != EPERM && errno != ENOSYS))
			printf("%s %s\n", calls[i].name, result >= 0 ? "worked" : strerrorname_np(errno));
	}
	puts("done");
	return 0;
}

static const struct { const char *name; int (*run)(char **); } all[] = {
#define A(name) {#name, name}
	A(aio), A(inotify), A(queue_signals), A(tcp_buffers), A(huge_pages), A(huge_memfd), A(plain_memfd), A(core_limit),
	A(lower_core_limit), A(lower_other_limit), A(flush_host), A(page_cache), A(lock_file), A(run_memfd), A(yes), A(hide_output),
	A(turn_pipes), A(forge_signal), A(own_killer), A(kill_all), A(leave_odd_ones), A(trace_init), A(open_init_memory),
	A(take_init_fd), A(enter_init), A(init_robust_list), A(other_tables),
};

int main(int argc, char **argv)
{
	const int hold = argc > 2 && strcmp(argv[argc - 1], "hold") == 0;
	for (size_t i = 0; argc > 1 && i < sizeof all / sizeof all[0]; i++)
		if (strcmp(argv[1], all[i].name) == 0) {
			const int code = all[i].run(argv + 2);
			fflush(stdout);
			for (char byte; hold && read(0, &byte, 1) > 0;)
				;
			return code;
		}
	fprintf(stderr, "no attack of that name\n");
	return 99;
}
