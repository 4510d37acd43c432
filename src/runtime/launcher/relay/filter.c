#include "filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../refusal.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#else
#define THIS_ARCH AUDIT_ARCH_AARCH64
#endif

/* What both may do: speak through what they hold, ask for the time, let go, end. */
static const short shared[] = {
	SYS_recvmsg, SYS_sendmsg, SYS_recvfrom, SYS_sendto, SYS_close, SYS_clock_gettime, SYS_exit_group,
	SYS_restart_syscall,
};
/* The relay: accept and pump. It can make no socket and connect none. */
static const short relaying[] = {SYS_accept4, SYS_getsockname, SYS_shutdown, SYS_epoll_pwait, SYS_epoll_ctl};
/* The dialer: make sockets of the internet families (see below) and connect them. It can listen at none. */
static const short dialing[] = {SYS_connect, SYS_getsockname, SYS_getsockopt, SYS_ppoll, SYS_getrandom};

static struct sock_filter code[128];
static unsigned short length;

static void emit(unsigned short operation, uint32_t value, uint8_t yes, uint8_t no)
{
	if (length == sizeof code / sizeof code[0])
		unavailable(NETWORK, "cannot build the relay's system-call filter: it is too long");
	code[length++] = (struct sock_filter){operation, yes, no, value};
}

static void load(size_t offset)
{
	emit(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_argument(unsigned index)
{
	load(offsetof(struct seccomp_data, args) + 8 * index);
}

static void answer(uint32_t action)
{
	emit(BPF_RET | BPF_K, action, 0, 0);
}

static void allow(short number)
{
	emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1);
	answer(SECCOMP_RET_ALLOW);
}

/* Two arguments as one pair of these, or death. */
static void allow_pairs(short number, unsigned one, unsigned other, uint32_t mask, const uint32_t (*pairs)[2], uint8_t count)
{
	emit(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, (uint8_t)(count * 6 + 1));
	for (uint8_t i = 0; i < count; i++) {
		load_argument(one);
		emit(BPF_JMP | BPF_JEQ | BPF_K, pairs[i][0], 0, 4);
		load_argument(other);
		emit(BPF_ALU | BPF_AND | BPF_K, mask, 0, 0);
		emit(BPF_JMP | BPF_JEQ | BPF_K, pairs[i][1], 0, 1);
		answer(SECCOMP_RET_ALLOW);
	}
	answer(SECCOMP_RET_KILL_PROCESS);
}

static void allow_all(const short *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		allow(numbers[i]);
}

void filter_install(enum role role)
{
	static const uint32_t options[][2] = {{SOL_SOCKET, SO_LINGER}, {IPPROTO_TCP, TCP_NODELAY}, {SOL_SOCKET, SO_KEEPALIVE}};
	static const uint32_t sockets[][2] = {
		{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_INET6, SOCK_STREAM}, {AF_INET6, SOCK_DGRAM}};

	length = 0;
	load(offsetof(struct seccomp_data, arch));
	emit(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0);
	answer(SECCOMP_RET_KILL_PROCESS);
	load(offsetof(struct seccomp_data, nr));
	allow_all(shared, sizeof shared / sizeof shared[0]);
	if (role == ROLE_RELAY)
		allow_all(relaying, sizeof relaying / sizeof relaying[0]);
	else
		allow_all(dialing, sizeof dialing / sizeof dialing[0]);
	if (role == ROLE_RELAY) {
		emit(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 4); /* give buffers back, no more */
		load_argument(2);
		emit(BPF_JMP | BPF_JEQ | BPF_K, MADV_DONTNEED, 0, 1);
		answer(SECCOMP_RET_ALLOW);
		answer(SECCOMP_RET_KILL_PROCESS);
	}
	allow_pairs(SYS_setsockopt, 1, 2, ~0U, options, 3);
	if (role == ROLE_DIALER)
		allow_pairs(SYS_socket, 0, 1, 0xf, sockets, 4);
	answer(SECCOMP_RET_KILL_PROCESS);

	const struct sock_fprog filter = {.len = length, .filter = code};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) < 0)
		unavailable(NETWORK, "cannot install the relay's system-call filter: %m");
}
