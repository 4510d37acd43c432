/*
 * One table of verdicts, indexed by system-call number, is turned into a balanced tree of comparisons over the
 * runs of equal verdicts: about a hundred runs, so seven comparisons for any call, and a filter short enough that
 * the kernel's own pass over all numbers (which gives always-allowed calls a bitmap and so no cost at all) is quick.
 *
 * Refused calls get an errno, never a signal: programs probe for calls and fall back. ENOSYS where a fall-back is
 * certain to exist (clone3 → clone, openat2 → openat, io_uring → epoll, and whatever is newer than this table,
 * CVE-2021-41133), EPERM elsewhere. Arguments are compared as 32 bits wherever the kernel reads 32
 * (CVE-2019-10063: a 64-bit comparison of an ioctl number is passed by setting a high bit).
 */
#include "seccomp.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bpf.h"
#include "calls.h"
#include "kernel.h"
#include "refusal.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "the filter knows x86-64 and arm64 only"
#endif

static const unsigned prctl_options[] = {
	PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS, PR_SET_NAME, PR_GET_NAME,
	PR_GET_SECCOMP, PR_CAPBSET_READ, PR_GET_SECUREBITS, PR_SET_TIMERSLACK, PR_GET_TIMERSLACK,
	PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS,
	PR_SET_THP_DISABLE, PR_GET_THP_DISABLE, PR_CAP_AMBIENT, PR_GET_SPECULATION_CTRL, PR_SET_SPECULATION_CTRL,
	0x53564d41 /* PR_SET_VMA: names for memory areas */,
#if defined(__aarch64__)
	51 /* PR_SVE_GET_VL */, 54 /* PR_PAC_RESET_KEYS */, 56 /* PR_GET_TAGGED_ADDR_CTRL */, 64 /* PR_SME_GET_VL */,
#endif
};

enum { PRCTL_COUNT = sizeof prctl_options / sizeof prctl_options[0] };

#define ALLOWED SECCOMP_RET_ALLOW
#define ERROR(number) (SECCOMP_RET_ERRNO | (number))
/* Allowed, and worth a look when denials are reported: settle() below gives it its meaning. */
#define LOOKED SECCOMP_RET_LOG

static void check_mode(struct bpf *program, unsigned argument, uint32_t also, uint32_t otherwise)
{
	bpf_load_argument(program, argument);
	bpf_answer_if(program, BPF_JSET, S_ISUID | S_ISGID | also, ERROR(EPERM));
	bpf_answer(program, otherwise);
}

/* The mode counts only when the call may create a file; otherwise the register holds anything. */
static void check_open(struct bpf *program, unsigned flags)
{
	const uint32_t creates = 0100 /* O_CREAT */ | 020000000 /* __O_TMPFILE */;

	bpf_load_argument(program, flags);
	const size_t creating = bpf_begin_if(program, BPF_JSET, creates);
	check_mode(program, flags + 1, 0, LOOKED);
	bpf_end_if(program, creating);
	bpf_answer(program, LOOKED);
}

/* One type of socket with the protocols it may carry: the default one and one by number. */
static void allow_socket_type(struct bpf *program, unsigned type, unsigned protocol)
{
	bpf_load_argument(program, 1);
	bpf_emit(program, BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0); /* without SOCK_CLOEXEC and SOCK_NONBLOCK */
	const size_t is_type = bpf_begin_if(program, BPF_JEQ, type);
	bpf_load_argument(program, 2);
	bpf_answer_if(program, BPF_JEQ, 0, ALLOWED);
	bpf_answer_if(program, BPF_JEQ, protocol, ALLOWED);
	bpf_answer(program, ERROR(EPROTONOSUPPORT)); /* MPTCP, SCTP, DCCP, ICMP: kernel code with a record */
	bpf_end_if(program, is_type);
}

/* A local socket is a door to daemons of the host as soon as one lies in a bound folder (facts 8.19). */
static void check_socket(struct bpf *program, const struct spec *spec)
{
	bpf_load_argument(program, 0);
	bpf_emit(program, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0); /* over the next question, into its body */
	const size_t is_internet = bpf_begin_if(program, BPF_JEQ, AF_INET6);
	allow_socket_type(program, SOCK_STREAM, 6);
	allow_socket_type(program, SOCK_DGRAM, 17);
	bpf_answer(program, ERROR(EPERM));
	bpf_end_if(program, is_internet);
	if (spec->unix_sockets)
		bpf_answer_if(program, BPF_JEQ, AF_UNIX, ALLOWED);
	/* Only routes, protocol 0: programs list the interfaces with it, of which there is lo. */
	const size_t is_netlink = bpf_begin_if(program, BPF_JEQ, AF_NETLINK);
	bpf_load_argument(program, 2);
	bpf_answer_if(program, BPF_JEQ, 0, ALLOWED);
	bpf_end_if(program, is_netlink);
	bpf_answer(program, ERROR(EAFNOSUPPORT));
}

/*
 * Pairs are for one's own processes. A pair of datagram sockets is not bound to itself, though: either end can be
 * connected anew, or sent from, to any local address there is, which is the door that check_socket() closes. SOCK_RAW is
 * another name of theirs.
 */
static void check_socketpair(struct bpf *program, const struct spec *spec)
{
	bpf_load_argument(program, 0);
	const size_t is_local = bpf_begin_if(program, BPF_JEQ, AF_UNIX);
	if (!spec->unix_sockets) {
		bpf_load_argument(program, 1);
		bpf_emit(program, BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0);
		bpf_answer_if(program, BPF_JEQ, SOCK_DGRAM, ERROR(EPROTONOSUPPORT));
		bpf_answer_if(program, BPF_JEQ, SOCK_RAW, ERROR(EPROTONOSUPPORT));
	}
	bpf_answer(program, ALLOWED);
	bpf_end_if(program, is_local);
	bpf_answer(program, ERROR(EAFNOSUPPORT));
}

/* Kernel code with a record, behind sockets that are allowed: protocols on top of TCP, and the kernel's own compiler. */
static void check_setsockopt(struct bpf *program)
{
	bpf_load_argument(program, 1);
	const size_t is_tcp = bpf_begin_if(program, BPF_JEQ, 6 /* IPPROTO_TCP */);
	bpf_load_argument(program, 2);
	bpf_answer_if(program, BPF_JEQ, 31 /* TCP_ULP: TLS, SMC (CVE-2023-0461) */, ERROR(EPERM));
	bpf_answer(program, ALLOWED);
	bpf_end_if(program, is_tcp);
	const size_t is_socket = bpf_begin_if(program, BPF_JEQ, SOL_SOCKET);
	bpf_load_argument(program, 2);
	bpf_answer_if(program, BPF_JEQ, SO_ATTACH_FILTER, ERROR(EPERM));
	bpf_answer_if(program, BPF_JEQ, SO_ATTACH_BPF, ERROR(EPERM));
	bpf_answer_if(program, BPF_JEQ, SO_ATTACH_REUSEPORT_CBPF, ERROR(EPERM));
	bpf_answer_if(program, BPF_JEQ, SO_ATTACH_REUSEPORT_EBPF, ERROR(EPERM));
	bpf_end_if(program, is_socket);
	bpf_answer(program, ALLOWED);
}

static void write_check(struct bpf *program, const struct spec *spec, enum verdict verdict)
{
	switch (verdict) {
	case CHECK_CLONE:
		bpf_load_argument(program, 0);
		bpf_answer_if(program, BPF_JSET,
			  CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |
				  CLONE_NEWNET,
			  ERROR(EPERM));
		bpf_answer(program, ALLOWED);
		break;
	case CHECK_MODE_1: check_mode(program, 1, 0, ALLOWED); break;
	case CHECK_MODE_2: check_mode(program, 2, 0, ALLOWED); break;
	case CHECK_OPEN: check_open(program, 1); break;
	case CHECK_OPENAT: check_open(program, 2); break;
	/* This bit is set in the types of devices, and not in those of files, FIFOs and sockets. */
	case CHECK_MKNOD: check_mode(program, 1, S_IFCHR, ALLOWED); break;
	case CHECK_MKNODAT: check_mode(program, 2, S_IFCHR, ALLOWED); break;
	case CHECK_IOCTL: /* input for other people's terminals (CVE-2017-5226, CVE-2023-28100); leaving a project's quota */
		bpf_load_argument(program, 1);
		bpf_answer_if(program, BPF_JEQ, 0x5412 /* TIOCSTI */, ERROR(EPERM));
		bpf_answer_if(program, BPF_JEQ, 0x541c /* TIOCLINUX */, ERROR(EPERM));
		bpf_answer_if(program, BPF_JEQ, 0x5423 /* TIOCSETD: line disciplines load kernel code */, ERROR(EPERM));
		bpf_answer_if(program, BPF_JEQ, 0x401c5820 /* FS_IOC_FSSETXATTR */, ERROR(EPERM));
		bpf_answer_if(program, BPF_JEQ, 0x40086602 /* FS_IOC_SETFLAGS */, ERROR(EPERM));
		bpf_answer(program, ALLOWED);
		break;
	case CHECK_PRCTL:
		bpf_load_argument(program, 0);
		/* One instruction per option: to the ALLOWED behind the list. */
		for (size_t i = 0; i < PRCTL_COUNT; i++)
			bpf_emit(program, BPF_JMP | BPF_JEQ | BPF_K, prctl_options[i], (uint8_t)(PRCTL_COUNT - i), 0);
		bpf_answer(program, ERROR(EPERM));
		bpf_answer(program, ALLOWED);
		break;
	case CHECK_PERSONALITY: /* asking is fine; ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC are not */
		bpf_load_argument(program, 0);
		bpf_answer_if(program, BPF_JEQ, 0, ALLOWED);
		bpf_answer_if(program, BPF_JEQ, 0xffffffff, ALLOWED);
		bpf_answer(program, ERROR(EPERM));
		break;
	case CHECK_SOCKET: check_socket(program, spec); break;
	case CHECK_SOCKETPAIR: check_socketpair(program, spec); break;
	case CHECK_SETSOCKOPT: check_setsockopt(program); break;
	case CHECK_PRLIMIT: { /* one's own limits only: init runs under the same uid */
		bpf_load_argument(program, 0);
		const size_t is_own = bpf_begin_if(program, BPF_JEQ, 0);
		bpf_load_argument(program, 1);
		const size_t is_core = bpf_begin_if(program, BPF_JEQ, RLIMIT_CORE);
		bpf_load_argument(program, 2); /* the new limit: a pointer, and asking gives none */
		bpf_emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3); /* else over the upper half, to the refusal */
		bpf_load(program, offsetof(struct seccomp_data, args) + 8 * 2 + 4);
		bpf_answer_if(program, BPF_JEQ, 0, ALLOWED);
		bpf_answer(program, ERROR(EINVAL));
		bpf_end_if(program, is_core);
		bpf_answer(program, ALLOWED);
		bpf_end_if(program, is_own);
		bpf_answer(program, ERROR(EPERM));
		break;
	}
	case CHECK_SETRLIMIT: /* see rlimits.c; EINVAL, because some programs forgive only that */
		bpf_load_argument(program, 0);
		bpf_answer_if(program, BPF_JEQ, RLIMIT_CORE, ERROR(EINVAL));
		bpf_answer(program, ALLOWED);
		break;
	case CHECK_MMAP: /* huge pages were set aside by the host for somebody, and no memory cgroup counts them */
		bpf_load_argument(program, 3);
		bpf_answer_if(program, BPF_JSET, 0x40000 /* MAP_HUGETLB */, ERROR(EPERM));
		bpf_answer(program, ALLOWED);
		break;
	case CHECK_MEMFD:
		bpf_load_argument(program, 1);
		bpf_answer_if(program, BPF_JSET, 4 /* MFD_HUGETLB */, ERROR(EPERM));
		bpf_answer(program, ALLOWED);
		break;
	case CHECK_SCHEDULER:
		bpf_load_argument(program, 1);
		bpf_emit(program, BPF_ALU | BPF_AND | BPF_K, ~0x40000000U /* SCHED_RESET_ON_FORK */, 0, 0);
		bpf_answer_if(program, BPF_JEQ, SCHED_OTHER, ALLOWED);
		bpf_answer_if(program, BPF_JEQ, 3 /* SCHED_BATCH */, ALLOWED);
		bpf_answer_if(program, BPF_JEQ, 5 /* SCHED_IDLE */, ALLOWED);
		bpf_answer(program, ERROR(EPERM));
		break;
	case REFUSE:
	case ABSENT:
	case ALLOW:
	case LOOK:
	case VERDICT_COUNT: break;
	}
}

/*
 * A filter that reports asks the launcher where the plain one refuses, and where it allows a path to be looked up. What
 * the launcher answers is denials.c's affair; whatever it is, it is asked about nothing that the plain filter kills.
 */
static void settle(struct bpf *program, bool reports)
{
	for (size_t i = 0; i < program->length; i++) {
		struct sock_filter *one = &program->code[i];
		if (one->code != (BPF_RET | BPF_K))
			continue;
		if (one->k == LOOKED)
			one->k = reports ? SECCOMP_RET_USER_NOTIF : ALLOWED;
		else if (reports && (one->k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
			one->k = SECCOMP_RET_USER_NOTIF;
	}
}

static void build(struct bpf *program, const struct spec *spec, bool reports)
{
	uint8_t verdicts[CALLS_COUNT];
	struct bpf_range ranges[CALLS_COUNT + 1];
	size_t count = 0;

	calls_judge(verdicts, reports);
	for (unsigned number = 0; number < CALLS_COUNT; number++)
		if (number == 0 || verdicts[number] != verdicts[number - 1])
			ranges[count++] = (struct bpf_range){number, verdicts[number]};
	ranges[count++] = (struct bpf_range){CALLS_COUNT, ABSENT}; /* newer calls, and x32 with its bit 30 */

	/* i386 calls through int 0x80 have other numbers; a program that makes them is not one of ours. */
	bpf_load(program, offsetof(struct seccomp_data, arch));
	const size_t is_ours = bpf_begin_if(program, BPF_JEQ, THIS_ARCH);
	bpf_load(program, offsetof(struct seccomp_data, nr));
	bpf_emit(program, BPF_JMP | BPF_JA, 1, 0, 0);
	bpf_end_if(program, is_ours);
	bpf_answer(program, SECCOMP_RET_KILL_PROCESS);
	bpf_tree(program, ranges, count);

	static const struct { enum verdict verdict; uint32_t action; } plain[] = {
		{ALLOW, ALLOWED}, {REFUSE, ERROR(EPERM)}, {ABSENT, ERROR(ENOSYS)}, {LOOK, LOOKED}};
	const size_t plain_count = sizeof plain / sizeof plain[0] - !reports;
	size_t to_check[VERDICT_COUNT];
	for (size_t i = 0; i < plain_count; i++) {
		bpf_land(program, plain[i].verdict);
		bpf_answer(program, plain[i].action);
	}
	/* The checks are long, and a comparison jumps 255 instructions at most: go by way of a plain jump. */
	for (enum verdict verdict = CHECK_CLONE; verdict < VERDICT_COUNT; verdict++) {
		bpf_land(program, verdict);
		to_check[verdict] = program->length;
		bpf_emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
	}
	for (enum verdict verdict = CHECK_CLONE; verdict < VERDICT_COUNT; verdict++) {
		program->code[to_check[verdict]].k = (uint32_t)(program->length - to_check[verdict] - 1);
		write_check(program, spec, verdict);
	}
	settle(program, reports);
}

/* What to a waiting thread only a deadly signal can end, lest a runtime's timer signals make it ask for ever. */
#define WAIT_KILLABLE (1UL << 5) /* Linux 5.19 */

static int install(const struct sock_fprog *filter, unsigned long flags)
{
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, filter);
}

int seccomp_install(const struct spec *spec)
{
	static struct bpf program;
	int listener = -1;

	if (!wants(spec, LAYER_SECCOMP))
		return -1;
	build(&program, spec, spec->report_denials);
	const struct sock_fprog filter = {.len = (unsigned short)program.length, .filter = program.code};
	if (spec->report_denials) {
		listener = install(&filter, SECCOMP_FILTER_FLAG_NEW_LISTENER | WAIT_KILLABLE);
		if (listener < 0 && errno == EINVAL)
			listener = install(&filter, SECCOMP_FILTER_FLAG_NEW_LISTENER);
		if (listener < 0)
			unavailable(SECCOMP, "cannot install a system-call filter that reports: %m");
	} else if (install(&filter, 0) < 0) {
		unavailable(SECCOMP, "cannot install the system-call filter: %m");
	}
	return listener;
}

uint32_t seccomp_answer(const struct spec *spec, const struct seccomp_data *call)
{
	static struct bpf plain;

	if (plain.length == 0)
		build(&plain, spec, false);
	return bpf_run(&plain, call, sizeof *call);
}
