// A plugin with a raw TCP client: for each HOST PORT of its arguments what came of it, on a line. It asks the C library
// for names, as any program does, and knows nothing of a relay.
#define _GNU_SOURCE
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const char *host, const char *port, const char **why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	const int error = getaddrinfo(host, port, &hints, &found);
	int fd = -1;

	if (error != 0) {
		*why = gai_strerror(error);
		return -1;
	}
	for (struct addrinfo *one = found; one && fd < 0; one = one->ai_next) {
		fd = socket(one->ai_family, one->ai_socktype, 0);
		if (connect(fd, one->ai_addr, one->ai_addrlen) == 0)
			break;
		*why = strerrorname_np(errno);
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int main(int count, char **words)
{
	int fds[1024];

	setvbuf(stdout, NULL, _IOLBF, 0);
	// hold HOST PORT COUNT: so many at once, and how many of them are answered
	if (count == 5 && strcmp(words[1], "hold") == 0) {
		int answered = 0;
		const char *why;
		const int wanted = atoi(words[4]);
		char byte;
		for (int i = 0; i < wanted; i++)
			fds[i] = dial(words[2], words[3], &why);
		for (int i = 0; i < wanted; i++)
			answered += write(fds[i], "x", 1) == 1 && read(fds[i], &byte, 1) == 1;
		return printf("%d of %d\n", answered, wanted), 0;
	}
	// send HOST PORT BYTES: so many, and whether all could be sent
	if (count == 5 && strcmp(words[1], "send") == 0) {
		static char block[16384];
		const char *why;
		const int fd = dial(words[2], words[3], &why);
		long left = atol(words[4]);
		while (left > 0) {
			const ssize_t sent = send(fd, block, left < (long)sizeof block ? left : (long)sizeof block, MSG_NOSIGNAL);
			if (sent < 0)
				return printf("no %s\n", strerrorname_np(errno)), 0;
			left -= sent;
		}
		return printf("sent\n"), 0;
	}
	for (int i = 1; i + 1 < count; i += 2) {
		char answer[256];
		const char *why = "";
		const int fd = dial(words[i], words[i + 1], &why);
		ssize_t got = -1;
		if (fd >= 0) {
			// A reset that came before these tells the first of them, and only that one.
			got = send(fd, "ping", 4, MSG_NOSIGNAL);
			if (got > 0)
				got = shutdown(fd, SHUT_WR);
			if (got == 0)
				got = read(fd, answer, sizeof answer);
			why = got < 0 ? strerrorname_np(errno) : "end";
			close(fd);
		}
		if (got > 0)
			printf("%s: yes %.*s\n", words[i], (int)got, answer);
		else
			printf("%s: no %s\n", words[i], why);
	}
	return 0;
}
