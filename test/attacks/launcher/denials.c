/* What a plugin may try while its denials are reported. One attempt a name; the answer goes to stdout. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* Every so many calls of a sweep are tried: where a fork takes long, not all of them. */
static int stride = 1;

/* In a child of its own, and not for long: some calls wait, end or change the one who makes them. */
static void try(long number, long a, long b, long c, long d)
{
	static int tried;
	int status;
	if (tried++ % stride)
		return;
	fflush(stdout);
	const pid_t child = fork();
	if (child == 0) {
		const struct itimerval soon = {.it_value = {.tv_usec = 30000}};
		setitimer(ITIMER_REAL, &soon, NULL);
		errno = 0;
		const long result = syscall(number, a, b, c, d, -1L, -1L);
		syscall(SYS_exit_group, result == -1 ? errno : 200);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	/* A call may leave children of its own behind (fork, clone). */
	printf("%lx(%lx,%lx,%lx)=%d\n", number, a, b, c, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void sweep(void)
{
	for (long number = 0; number < 480; number++) {
		if (number == SYS_exit || number == SYS_exit_group || number == SYS_kill || number == SYS_rt_sigreturn ||
		    number == SYS_clone || number == SYS_restart_syscall)
			continue;
#ifdef SYS_fork
		if (number == SYS_fork || number == SYS_vfork)
			continue;
#endif
		try(number, -1, -1, -1, -1);
	}
	for (long number = 0; number < 8; number++)
		try(0x40000000 + number, -1, -1, -1, -1);
	for (long family = 0; family < 46; family++) {
		for (long type = 1; type < 6; type++)
			try(SYS_socket, family, type, 0, 0);
		try(SYS_socket, family, 1, 262, 0);
		try(SYS_socket, family | 0x100000000, 1, 0, 0);
		try(SYS_socketpair, family, 1, 0, -1);
	}
	for (long option = 0; option < 80; option++)
		try(SYS_prctl, option, -1, -1, -1);
	for (long bit = 0; bit < 34; bit++) {
		if (bit != 14 && bit != 17 && bit < 32) /* VFORK, NEWNS below */
			try(SYS_mmap, 0, 4096, 0, 2 | 32 | 1L << bit);
		try(SYS_personality, 1L << bit, 0, 0, 0);
		try(SYS_memfd_create, (long)"x", 1L << bit, 0, 0);
	}
	const long flags[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};
	for (int i = 0; i < 7; i++) {
		try(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0);
		try(SYS_unshare, flags[i], 0, 0, 0);
	}
	const long requests[] = {0x5412, 0x541c, 0x5423, 0x5413, 0x100005412};
	for (int i = 0; i < 5; i++)
		try(SYS_ioctl, 0, requests[i], -1, 0);
	for (long mode = 01000; mode <= 07000; mode += 01000) {
		try(SYS_openat, AT_FDCWD, (long)"/tmp/m", O_CREAT | O_WRONLY, mode | 0600);
		try(SYS_openat, AT_FDCWD, (long)"/tmp/m", O_WRONLY, mode | 0600);
		try(SYS_fchmodat, AT_FDCWD, (long)"/tmp", mode | 0700, 0);
	}
	for (long policy = 0; policy < 8; policy++)
		try(SYS_sched_setscheduler, 0, policy, -1, 0);
	for (long limit = 0; limit < 16; limit++)
		try(SYS_prlimit64, 0, limit, 0, 0), try(SYS_prlimit64, 1, limit, 0, 0), try(SYS_prlimit64, 0, limit, -1, 0);
}

static volatile char flipped[64] = "/etc/hosts";

static void *flip(void *unused)
{
	for (;;) {
		strcpy((char *)flipped, "/tmp/made");
		strcpy((char *)flipped, "/nowhere/x");
		strcpy((char *)flipped, "/data/../tmp/made");
	}
}

/* The path changes while the launcher looks at it; the flags and the mode lie in registers. */
static void race(void)
{
	pthread_t thread;
	int denied = 0, through = 0;
	pthread_create(&thread, NULL, flip, NULL);
	for (int i = 0; i < 5000; i++) {
		const int fd = syscall(SYS_openat, AT_FDCWD, flipped, O_CREAT | O_WRONLY, 04755);
		if (fd >= 0)
			through++, close(fd);
		else if (errno == EPERM)
			denied++;
	}
	struct stat status;
	printf("denied %d through %d made %d\n", denied, through, stat("/tmp/made", &status) == 0);
}

static void *ask(void *unused)
{
	for (;;)
		syscall(SYS_ptrace, -1, -1, -1, -1);
}

/* Asks from many threads without end. */
static void flood(void)
{
	pthread_t thread;
	for (int i = 0; i < 16; i++)
		pthread_create(&thread, NULL, ask, NULL);
	puts("asking");
	fflush(stdout);
	ask(NULL);
}

/* Dies while it waits for an answer, again and again. */
static void dying(void)
{
	puts("dying");
	fflush(stdout);
	for (;;) {
		const pid_t child = fork();
		if (child == 0)
			ask(NULL);
		for (volatile int i = rand() % 20000; i > 0; i--)
			;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
}

/* A runtime's timer signals arrive while it waits. */
static void nothing(int signal) {}
static void interrupted(int times)
{
	const struct itimerval often = {{0, 50}, {0, 50}};
	int other = 0;
	signal(SIGALRM, nothing);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < times; i++)
		if (syscall(SYS_ptrace, -1, -1, -1, -1) != -1 || errno != EPERM)
			other++;
	printf("other %d\n", other);
}

static void paths(int count)
{
	char path[64];
	for (int i = 0; i < count; i++) {
		sprintf(path, "/nowhere/%d", i);
		access(path, 0);
	}
	puts("looked");
}

/* Text for a terminal, a string without an end, one that ends where memory does, and none at all. */
static void strange(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(pages + 4096, 4096);
	memset(pages, 'x', 4096);
	printf("%d ", access(pages, 0) < 0 ? errno : 0);
	strcpy(pages + 4096 - 9, "/nowhere");
	printf("%d ", access(pages + 4096 - 9, 0) < 0 ? errno : 0);
	printf("%d ", access((char *)1, 0) < 0 ? errno : 0);
	printf("%d ", access((char *)-8, 0) < 0 ? errno : 0);
	printf("%d\n", access("/no\033[2Jwhere\n\"\\\xff", 0) < 0 ? errno : 0);
}

/* Waits for the launcher to be gone, and goes on asking. */
static void outlive(void)
{
	puts("asking");
	fflush(stdout);
	for (;;) {
		errno = 0;
		const long result = syscall(SYS_ptrace, -1, -1, -1, -1);
		if (result == -1 && errno == EPERM)
			continue;
		syscall(SYS_mkdirat, AT_FDCWD, result == -1 ? "/data/refused" : "/data/allowed", 0700);
		for (;;)
			pause();
	}
}

int main(int count, char **words)
{
	if (!strcmp(words[1], "sweep")) stride = atoi(words[2]), sweep();
	else if (!strcmp(words[1], "race")) race();
	else if (!strcmp(words[1], "flood")) flood();
	else if (!strcmp(words[1], "dying")) dying();
	else if (!strcmp(words[1], "interrupted")) interrupted(atoi(words[2]));
	else if (!strcmp(words[1], "paths")) paths(atoi(words[2]));
	else if (!strcmp(words[1], "strange")) strange();
	else if (!strcmp(words[1], "outlive")) outlive();
	fflush(stdout);
	return 0;
}
