// Both ends of what bench/relay.ts measures: a server of loopback, and a client that measures from within, so that the start
// of a sandbox is no part of it. Every figure is nanoseconds, on a line.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char block[65536];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long long now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000000LL + at.tv_nsec;
}

// A byte is sent back; `d` is answered by data until nobody wants more.
static void serve(int fd)
{
	const int one = 1;
	char byte;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	while (read(fd, &byte, 1) == 1) {
		if (byte == 'd')
			while (send(fd, block, sizeof block, MSG_NOSIGNAL) > 0)
				continue;
		else if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
			break;
	}
	exit(0);
}

static void serve_all(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof here;
	const int listener = socket(AF_INET, SOCK_STREAM, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	if (bind(listener, (void *)&here, sizeof here) < 0 || listen(listener, 128) < 0 ||
	    getsockname(listener, (void *)&here, &size) < 0)
		die("listen");
	printf("%d\n", ntohs(here.sin_port));
	fflush(stdout);
	for (;;) {
		const int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			die("accept");
		if (fork() == 0)
			serve(fd);
		close(fd);
	}
}

static int dial(int port)
{
	struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (void *)&there, sizeof there) < 0)
		die("connect");
	return fd;
}

static void round_trip(int fd)
{
	char byte = 'x';

	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
		die("round trip");
}

int main(int count, char **words)
{
	if (count == 2 && strcmp(words[1], "serve") == 0)
		serve_all();
	if (count != 4)
		return 2;
	const int port = atoi(words[2]);
	const long amount = atol(words[3]);

	if (strcmp(words[1], "connect") == 0) {
		for (long i = 0; i < amount; i++) {
			const long long began = now();
			const int fd = dial(port);
			round_trip(fd);
			printf("%lld\n", now() - began);
			close(fd);
		}
	} else if (strcmp(words[1], "round") == 0) {
		const int fd = dial(port);
		round_trip(fd);
		for (long i = 0; i < amount; i++) {
			const long long began = now();
			round_trip(fd);
			printf("%lld\n", now() - began);
		}
	} else if (strcmp(words[1], "down") == 0) {
		const int fd = dial(port);
		round_trip(fd);
		const long long began = now();
		ssize_t got = write(fd, "d", 1);
		for (long left = amount; left > 0 && got > 0; left -= got)
			got = read(fd, block, sizeof block);
		printf("%lld\n", now() - began);
	} else {
		return 2;
	}
	return 0;
}
