// Somebody has taken a process of the relay over through a bug: it makes the system calls that they want. Who they are is
// the host's root, by ptrace; what comes of the calls is what that process is allowed.
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
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t victim;
static struct user_regs_struct before;

static void write_to(unsigned long at, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 8) {
		long word = 0;
		memcpy(&word, (const char *)bytes + i, size - i < 8 ? size - i : 8);
		if (ptrace(PTRACE_POKEDATA, victim, at + i, word) < 0)
			exit(9);
	}
}

// Its own stack, below what it uses.
static unsigned long place(const void *bytes, size_t size)
{
	const unsigned long at = (before.rsp - 4096) & ~15UL;

	write_to(at, bytes, size);
	return at;
}

// The result as the kernel gives it; ends when the call ends the victim.
static long make(long number, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	struct user_regs_struct regs = before;
	int status;

	regs.rip -= 2; // it waits in a call, and stands behind the instruction
	regs.rax = number, regs.orig_rax = -1UL;
	regs.rdi = a, regs.rsi = b, regs.rdx = c, regs.r10 = d, regs.r8 = 0, regs.r9 = 0;
	if (ptrace(PTRACE_SETREGS, victim, 0, &regs) < 0 || ptrace(PTRACE_SINGLESTEP, victim, 0, 0) < 0)
		exit(9);
	for (;;) {
		if (waitpid(victim, &status, __WALL) < 0)
			exit(9);
		if (WIFSIGNALED(status)) {
			printf("killed by SIG%s\n", sigabbrev_np(WTERMSIG(status)));
			exit(0);
		}
		if (WIFEXITED(status)) {
			printf("ended\n");
			exit(0);
		}
		if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP && status >> 16 == 0)
			break;
		// A signal of the call's own: it is delivered, and kills.
		ptrace(PTRACE_CONT, victim, 0, WIFSTOPPED(status) && status >> 16 == 0 ? WSTOPSIG(status) : 0);
	}
	if (ptrace(PTRACE_GETREGS, victim, 0, &regs) < 0)
		exit(9);
	return (long)regs.rax;
}

static void say(long result)
{
	if (result < 0)
		printf("no %s\n", strerrorname_np((int)-result));
	else
		printf("yes\n");
}

int main(int count, char **words)
{
	const char *what = words[2], *extra = count > 3 ? words[3] : "";
	int status;

	victim = atoi(words[1]);
	if (ptrace(PTRACE_SEIZE, victim, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, victim, 0, 0) < 0 ||
	    waitpid(victim, &status, __WALL) < 0 || ptrace(PTRACE_GETREGS, victim, 0, &before) < 0)
		return printf("cannot take %d over: %s\n", victim, strerrorname_np(errno)), 1;
#define IS(text) (strcmp(what, text) == 0)
	if (IS("open"))
		say(make(SYS_openat, AT_FDCWD, place(extra, strlen(extra) + 1), O_RDONLY, 0));
	else if (IS("unix"))
		say(make(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0));
	else if (IS("inet"))
		say(make(SYS_socket, AF_INET, SOCK_STREAM, 0, 0));
	else if (IS("raw"))
		say(make(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP, 0));
	else if (IS("listen"))
		say(make(SYS_listen, make(SYS_socket, AF_INET, SOCK_STREAM, 0, 0), 1, 0, 0));
	else if (IS("connect")) {
		const struct sockaddr_in there = {
			.sin_family = AF_INET, .sin_port = htons(atoi(extra)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		const long fd = make(SYS_socket, AF_INET, SOCK_STREAM, 0, 0);
		say(fd < 0 ? fd : make(SYS_connect, fd, place(&there, sizeof there), sizeof there, 0));
	} else if (IS("signal"))
		say(make(SYS_kill, atoi(extra), 0, 0, 0));
	else if (IS("fork"))
		say(make(SYS_clone, SIGCHLD, 0, 0, 0));
	else if (IS("code"))
		say(make(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS));
	else if (IS("root"))
		say(make(SYS_setresuid, 0, 0, 0, 0));
	else
		return 2;
	kill(victim, SIGKILL);
	return 0;
}
