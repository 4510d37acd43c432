/*
 * The part of the launcher's own libc (libc.c) that only runs with a network need: sockets, and waiting on many of them.
 * The prototypes are those of the C library's headers.
 */
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* See libc.c: a loop that copies must not become a call to itself. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

int socketpair(int family, int type, int protocol, int ends[2])
{
	return (int)syscall(SYS_socketpair, family, type, protocol, ends);
}

int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	return (int)syscall(SYS_bind, fd, address.__sockaddr__, size);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t size)
{
	return (int)syscall(SYS_connect, fd, address.__sockaddr__, size);
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *size, int flags)
{
	return (int)syscall(SYS_accept4, fd, address.__sockaddr__, size, flags);
}

int getsockname(int fd, __SOCKADDR_ARG address, socklen_t *size)
{
	return (int)syscall(SYS_getsockname, fd, address.__sockaddr__, size);
}

ssize_t recvfrom(int fd, void *into, size_t size, int flags, __SOCKADDR_ARG from, socklen_t *from_size)
{
	return syscall(SYS_recvfrom, fd, into, size, flags, from.__sockaddr__, from_size);
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags, __CONST_SOCKADDR_ARG to, socklen_t to_size)
{
	return syscall(SYS_sendto, fd, bytes, size, flags, to.__sockaddr__, to_size);
}

int listen(int fd, int backlog) { return (int)syscall(SYS_listen, fd, backlog); }
int shutdown(int fd, int how) { return (int)syscall(SYS_shutdown, fd, how); }
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return syscall(SYS_sendmsg, fd, message, flags); }
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return syscall(SYS_recvmsg, fd, message, flags); }

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
	return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}

int getsockopt(int fd, int level, int option, void *value, socklen_t *size)
{
	return (int)syscall(SYS_getsockopt, fd, level, option, value, size);
}

int epoll_create1(int flags) { return (int)syscall(SYS_epoll_create1, flags); }

int epoll_ctl(int fd, int operation, int of, struct epoll_event *event)
{
	return (int)syscall(SYS_epoll_ctl, fd, operation, of, event);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int wait_ms)
{
	return (int)syscall(SYS_epoll_pwait, fd, events, count, wait_ms, NULL, 8);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

int madvise(void *at, size_t size, int advice) { return (int)syscall(SYS_madvise, at, size, advice); }

ssize_t getrandom(void *into, size_t size, unsigned flags) { return syscall(SYS_getrandom, into, size, flags); }

int memcmp(const void *one, const void *other, size_t size)
{
	const unsigned char *o = one, *p = other;

	for (; size > 0; size--, o++, p++)
		if (*o != *p)
			return *o - *p;
	return 0;
}

void *memmove(void *to, const void *from, size_t size)
{
	char *t = to;
	const char *f = from;

	if (t < f)
		while (size-- > 0)
			*t++ = *f++;
	else
		while (size-- > 0)
			t[size] = f[size];
	return to;
}
