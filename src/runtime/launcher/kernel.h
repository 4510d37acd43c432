/*
 * What newer kernels know and older headers do not, and calls that libc has no name for. Constants are part of
 * the kernel's ABI: they never change, so defining them here is safe and keeps the build free of header versions.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <linux/sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

/* openat2(2) */
#define OPEN_NO_XDEV 0x01
#define OPEN_NO_MAGICLINKS 0x02
#define OPEN_NO_SYMLINKS 0x04
#define OPEN_BENEATH 0x08
#define OPEN_IN_ROOT 0x10

struct open_how_v0 {
	uint64_t flags;
	uint64_t mode;
	uint64_t resolve;
};

static inline int kernel_openat2(int at, const char *path, uint64_t flags, uint64_t resolve)
{
	const struct open_how_v0 how = {.flags = flags, .resolve = resolve};
	return (int)syscall(SYS_openat2, at, path, &how, sizeof how);
}

static inline long kernel_clone3(struct clone_args *arguments)
{
	return syscall(SYS_clone3, arguments, sizeof *arguments);
}

static inline int kernel_pivot_root(const char *new_root, const char *old_root)
{
	return (int)syscall(SYS_pivot_root, new_root, old_root);
}

/* Landlock, up to ABI 8 */
#define LANDLOCK_FS_EXECUTE (1ULL << 0)
#define LANDLOCK_FS_WRITE_FILE (1ULL << 1)
#define LANDLOCK_FS_READ_FILE (1ULL << 2)
#define LANDLOCK_FS_READ_DIR (1ULL << 3)
#define LANDLOCK_FS_REMOVE_DIR (1ULL << 4)
#define LANDLOCK_FS_REMOVE_FILE (1ULL << 5)
#define LANDLOCK_FS_MAKE_CHAR (1ULL << 6)
#define LANDLOCK_FS_MAKE_DIR (1ULL << 7)
#define LANDLOCK_FS_MAKE_REG (1ULL << 8)
#define LANDLOCK_FS_MAKE_SOCK (1ULL << 9)
#define LANDLOCK_FS_MAKE_FIFO (1ULL << 10)
#define LANDLOCK_FS_MAKE_BLOCK (1ULL << 11)
#define LANDLOCK_FS_MAKE_SYM (1ULL << 12)
#define LANDLOCK_FS_REFER (1ULL << 13)     /* ABI 2 */
#define LANDLOCK_FS_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define LANDLOCK_FS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define LANDLOCK_SCOPE_ABSTRACT (1ULL << 0) /* ABI 6 */
#define LANDLOCK_SCOPE_SIGNALS (1ULL << 1)  /* ABI 6 */
#define LANDLOCK_VERSION 1U
#define LANDLOCK_PATH_BENEATH 1
#define LANDLOCK_NET_PORT 2
#define LANDLOCK_NET_BIND_TCP (1ULL << 0)    /* ABI 4 */
#define LANDLOCK_NET_CONNECT_TCP (1ULL << 1) /* ABI 4 */

struct landlock_ruleset {
	uint64_t handled_fs;
	uint64_t handled_net; /* ABI 4 */
	uint64_t scoped;      /* ABI 6 */
};

struct landlock_beneath {
	uint64_t allowed;
	int32_t parent;
} __attribute__((packed));

struct landlock_port {
	uint64_t allowed;
	uint64_t port;
};

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#endif
