/*
 * The attacker: `attack NAME [ARG…]` tries one thing and prints "yes" when it worked, "no ERRNO" when it did not.
 * Calls that could hurt are made with arguments that cannot succeed; what tells a filter from the kernel is the errno.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
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

static int read_file(char **a) { return said(open(a[0], O_RDONLY) >= 0); }
static int write_file(char **a) { return said(open(a[0], O_WRONLY) >= 0); }
static int make_file(char **a) { return said(open(a[0], O_WRONLY | O_CREAT, 0600) >= 0); }
static int change_hostname(char **a) { return said(sethostname("host", 4) == 0); }
static int use_userns(char **a) { return said(unshare(CLONE_NEWUSER) == 0); }
static int use_clone3(char **a)
{
	struct { unsigned long flags, rest[10]; } arguments = {CLONE_NEWUSER};
	const long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
	if (pid == 0)
		_exit(0);
	return said(pid > 0);
}
static int use_clone(char **a)
{
	const long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0)
		_exit(0);
	return said(pid > 0);
}
static int use_mount(char **a) { return said(mount("x", "/tmp", "tmpfs", 0, NULL) == 0); }
static int use_fsopen(char **a) { return said(syscall(SYS_fsopen, "tmpfs", 0) >= 0); }
static int use_io_uring(char **a)
{
	char parameters[120] = {0};
	return said(syscall(SYS_io_uring_setup, 1, parameters) >= 0);
}
static int use_bpf(char **a) { return said(syscall(SYS_bpf, 9999, NULL, 0) >= 0); }           /* kernel: EINVAL or EPERM */
static int use_perf(char **a) { return said(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0) >= 0); } /* kernel: EFAULT */
static int use_userfaultfd(char **a) { return said(syscall(SYS_userfaultfd, ~0U) >= 0); }     /* kernel: EINVAL */
static int use_ptrace(char **a) { return said(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0); }
static int use_vm_readv(char **a) { return said(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) >= 0); }
static int use_handle(char **a) { return said(syscall(SYS_open_by_handle_at, -1, NULL, 0) >= 0); } /* kernel: EFAULT, EPERM */
static int use_personality(char **a) { return said(syscall(SYS_personality, 0x0040000) != -1); }
static int use_seccomp_less(char **a) { return said(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0); }
static int use_tiocsti(char **a)
{
	/* On a pipe the kernel says ENOTTY; the high half must not confuse the filter (CVE-2019-10063). */
	return said(syscall(SYS_ioctl, 0, (1UL << 32) | 0x5412, "x") == 0);
}
static int use_tioclinux(char **a) { return said(ioctl(0, 0x541c, "\3") == 0); }
static int set_suid(char **a)
{
	const int fd = open("/tmp/suid", O_CREAT | O_RDWR, 0700);
	return said(fchmod(fd, 04755) == 0);
}
static int make_suid(char **a) { return said(open("/tmp/suid2", O_CREAT | O_EXCL | O_RDWR, 02755) >= 0); }
static int make_device(char **a) { return said(mknod("/tmp/null", S_IFCHR | 0666, 0x103) == 0); }
static int make_fifo(char **a) { return said(mkfifo("/tmp/fifo", 0600) == 0); }

static int socket_of(char **a) { return said(socket(atoi(a[0]), atoi(a[1]), atoi(a[2])) >= 0); }
static int pair(char **a)
{
	int ends[2];
	return said(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
}
static int connect_tcp(char **a)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(a[1]))};
	inet_pton(AF_INET, a[0], &to.sin_addr);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	return said(fd >= 0 && connect(fd, (void *)&to, sizeof to) == 0);
}
static int connect_unix(char **a)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	const int abstract = a[0][0] == '@';
	strcpy(to.sun_path, a[0]);
	if (abstract)
		to.sun_path[0] = 0;
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return said(fd >= 0 && connect(fd, (void *)&to, offsetof(struct sockaddr_un, sun_path) + strlen(a[0]) + !abstract) == 0);
}
/* One of a pair can be sent from to any address: a local socket by another door. */
static int pair_send(char **a)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int ends[2];
	strcpy(to.sun_path, a[1]);
	return said(socketpair(AF_UNIX, atoi(a[0]), 0, ends) == 0 && sendto(ends[0], "x", 1, 0, (void *)&to, sizeof to) == 1);
}
static int pair_connect(char **a)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int ends[2];
	strcpy(to.sun_path, a[1]);
	return said(socketpair(AF_UNIX, atoi(a[0]), 0, ends) == 0 && connect(ends[0], (void *)&to, sizeof to) == 0);
}
static int self_connected(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof at;
	const int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server, (void *)&at, sizeof at) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (void *)&at, &length) < 0 || connect(client, (void *)&at, sizeof at) < 0)
		return -1;
	return client;
}
static int self_talk(char **a) { return said(self_connected() >= 0); }
/* Other protocols for a connection it already has: kernel TLS, SMC. */
static int upper_protocol(char **a) { return said(setsockopt(self_connected(), IPPROTO_TCP, 31 /* TCP_ULP */, a[0], strlen(a[0])) == 0); }
/* A program of its own for the kernel's compiler. */
static int socket_filter(char **a)
{
	struct { unsigned short code; unsigned char jt, jf; unsigned k; } one = {6, 0, 0, 0xffff};
	struct { unsigned short length; void *code; } program = {1, &one};
	return said(setsockopt(socket(AF_INET, SOCK_DGRAM, 0), SOL_SOCKET, atoi(a[0]), &program, sizeof program) == 0);
}

/* Counts processes other than itself and its parent that it can see. */
static int see_processes(char **a)
{
	DIR *proc = opendir("/proc");
	int others = 0;
	for (struct dirent *entry; proc && (entry = readdir(proc));)
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid() && atoi(entry->d_name) != getppid())
			others++;
	printf("%s %d\n", others > 0 ? "yes" : "no", others);
	return 0;
}
static int signal_pid(char **a) { return said(kill(atoi(a[0]), atoi(a[1])) == 0); }
static int signal_group(char **a)
{
	signal(SIGUSR1, SIG_IGN);
	return said(kill(0, SIGUSR1) == 0);
}
static int read_parent(char **a) { return said(open("/proc/1/environ", O_RDONLY) >= 0); }
static int print_status(char **a)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, "Cap", 3) || !strncmp(line, "NoNewPrivs", 10) || !strncmp(line, "Seccomp:", 8) ||
		    !strncmp(line, "Uid", 3) || !strncmp(line, "Gid", 3) || !strncmp(line, "Groups", 6))
			fputs(line, stdout);
	return 0;
}
static int print_fds(char **a)
{
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d ", fd);
	puts("");
	return 0;
}
static int write_fd(char **a) { return said(write(atoi(a[0]), "stolen", 6) == 6); }
static int print_environ(char **a)
{
	extern char **environ;
	for (char **e = environ; *e; e++)
		puts(*e);
	return 0;
}
static int print_session(char **a)
{
	printf("%d %d\n", getsid(0), getpgrp());
	return 0;
}
static int print_limits(char **a)
{
	struct rlimit limit;
	const int which[] = {RLIMIT_NOFILE, RLIMIT_CORE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE};
	for (int i = 0; i < 4; i++) {
		getrlimit(which[i], &limit);
		printf("%ld ", (long)limit.rlim_max);
	}
	puts("");
	return 0;
}
static int print_cgroup(char **a)
{
	char line[512];
	FILE *file = fopen("/proc/self/cgroup", "r");
	while (file && fgets(line, sizeof line, file))
		fputs(line, stdout);
	return 0;
}
static int find_key(char **a) { return said(syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", a[0], 0) >= 0); }
static int shared_memory(char **a) { return said(shmget(atoi(a[0]), 0, 0) >= 0); }

/* Double fork, own session, deaf to SIGTERM, keeps the pipes: touches a file as long as it lives. */
static int survive(char **a)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			for (int s = 1; s < 32; s++)
				signal(s, SIG_IGN);
			for (;;) {
				const int fd = open("/data/alive", O_WRONLY | O_CREAT, 0600);
				if (fd >= 0)
					write(fd, "x", 1), fsync(fd), close(fd);
				usleep(20000);
			}
		}
		_exit(0);
	}
	usleep(100000);
	puts("left one behind");
	return 0;
}
static int deaf(char **a)
{
	for (int s = 1; s < 32; s++)
		signal(s, SIG_IGN);
	puts("deaf");
	fflush(stdout);
	for (;;)
		pause();
}
static int fork_bomb(char **a)
{
	int made = 0;
	for (int i = 0; i < 300; i++) {
		const pid_t pid = fork();
		if (pid == 0)
			pause(), _exit(0);
		if (pid > 0)
			made++;
	}
	printf("%d\n", made);
	fflush(stdout);
	kill(-1, SIGKILL);
	return 0;
}
static int eat_memory(char **a)
{
	for (long eaten = 0; eaten < atol(a[0]); eaten += 1 << 20) {
		char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			return said(0);
		memset(p, 1, 1 << 20);
	}
	return said(1);
}
static int child_eats(char **a)
{
	int status;
	if (fork() == 0)
		return eat_memory(a);
	wait(&status);
	return WIFSIGNALED(status) ? 3 : 0;
}
static int fill(char **a)
{
	static char block[65536];
	const int fd = open(a[0], O_WRONLY | O_CREAT, 0600);
	long total = 0;
	memset(block, 1, sizeof block);
	while (total < atol(a[1])) {
		const ssize_t n = write(fd, block, sizeof block);
		if (n <= 0)
			return said(0);
		total += n;
	}
	return said(1);
}
static int many_files(char **a)
{
	char path[64];
	for (int i = 0; i < atoi(a[0]); i++) {
		snprintf(path, sizeof path, "/tmp/f%d", i);
		const int fd = open(path, O_WRONLY | O_CREAT, 0600);
		if (fd < 0)
			return said(0);
		close(fd);
	}
	return said(1);
}
static int many_fds(char **a)
{
	int n = 0;
	while (n < 4000 && dup(0) >= 0)
		n++;
	printf("%d\n", n);
	return 0;
}
static int flood(char **a)
{
	static char block[65536];
	memset(block, 'x', sizeof block);
	for (long total = 0; total < atol(a[0]);) {
		const ssize_t n = write(1, block, sizeof block);
		if (n <= 0)
			return 9;
		total += n;
	}
	return 0;
}
static int burn(char **a)
{
	const clock_t end = clock() + atol(a[0]) * (CLOCKS_PER_SEC / 1000);
	while (clock() < end)
		;
	return 0;
}
/* Two processes that want a whole processor each, for so long; what they got of one, in thousandths. */
static int burn_for(char **a)
{
	struct timespec began, now;
	struct rusage own, child;
	const double seconds = atol(a[0]) / 1000.0;
	double took;
	const pid_t pid = fork();
	clock_gettime(CLOCK_MONOTONIC, &began);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		took = now.tv_sec - began.tv_sec + (now.tv_nsec - began.tv_nsec) / 1e9;
	} while (took < seconds);
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	took = now.tv_sec - began.tv_sec + (now.tv_nsec - began.tv_nsec) / 1e9;
	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &child);
	const double used = own.ru_utime.tv_sec + own.ru_stime.tv_sec + child.ru_utime.tv_sec + child.ru_stime.tv_sec +
			    (own.ru_utime.tv_usec + own.ru_stime.tv_usec + child.ru_utime.tv_usec + child.ru_stime.tv_usec) / 1e6;
	printf("%d", (int)(1000 * used / took));
	return 0;
}
static int sleep_ms(char **a) { return usleep(atol(a[0]) * 1000); }
/* Puts a program of its own making where it may write, and runs it. */
static int run_written(char **a)
{
	char bytes[65536];
	const int from = open("/proc/self/exe", O_RDONLY), to = open("/tmp/program", O_WRONLY | O_CREAT, 0755);
	for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;)
		write(to, bytes, n);
	close(to);
	chmod("/tmp/program", 0755);
	execl("/tmp/program", "/tmp/program", "yes", NULL);
	return said(0);
}
static int yes(char **a) { return said(1); }
static int i386(char **a)
{
#if defined(__x86_64__)
	int result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20)); /* getpid of i386 */
	return said(result > 0);
#else
	return said(0);
#endif
}
static int x32(char **a) { return said(syscall(0x40000000 | 39) >= 0); }
static int unknown_call(char **a) { return said(syscall(1000) >= 0); }
static int move_init_limit(char **a)
{
	struct rlimit limit = {0, 0};
	return said(prlimit(1, RLIMIT_CPU, &limit, NULL) == 0);
}

static const struct { const char *name; int (*run)(char **); } all[] = {
#define A(name) {#name, name}
	A(read_file), A(write_file), A(make_file), A(change_hostname), A(use_userns), A(use_clone3), A(use_clone), A(use_mount),
	A(use_fsopen), A(use_io_uring), A(use_bpf), A(use_perf), A(use_userfaultfd), A(use_ptrace), A(use_vm_readv),
	A(use_handle), A(use_personality), A(use_seccomp_less), A(use_tiocsti), A(use_tioclinux), A(set_suid), A(make_suid),
	A(make_device), A(make_fifo), A(socket_of), A(pair), A(pair_send), A(pair_connect),
	A(upper_protocol), A(socket_filter), A(connect_tcp), A(connect_unix), A(self_talk), A(see_processes),
	A(signal_pid), A(signal_group), A(read_parent), A(print_status), A(print_fds), A(write_fd), A(print_environ),
	A(print_session), A(print_limits), A(print_cgroup), A(find_key), A(shared_memory), A(survive), A(deaf), A(fork_bomb),
	A(eat_memory), A(child_eats), A(fill), A(many_files), A(many_fds), A(flood), A(burn), A(burn_for), A(sleep_ms), A(run_written),
	A(yes), A(i386), A(x32), A(unknown_call), A(move_init_limit),
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof all / sizeof all[0]; i++)
		if (strcmp(argv[1], all[i].name) == 0)
			return all[i].run(argv + 2);
	fprintf(stderr, "no attack of that name\n");
	return 99;
}
