// What a plugin does with its network: one line of account on stdout for each thing tried.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *name_of(int number)
{
	return strerrorname_np(number);
}

static socklen_t place(const char *address, int port, struct sockaddr_storage *into)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
		memcpy(into, &v4, sizeof v4);
		return sizeof v4;
	}
	if (inet_pton(AF_INET6, address, &v6.sin6_addr) != 1) {
		printf("no address %s\n", address);
		exit(2);
	}
	memcpy(into, &v6, sizeof v6);
	return sizeof v6;
}

static int connect_to(const char *address, int port)
{
	struct sockaddr_storage there;
	const socklen_t size = place(address, port, &there);
	const int fd = socket(there.ss_family, SOCK_STREAM, 0);

	return fd >= 0 && connect(fd, (void *)&there, size) < 0 ? -1 : fd;
}

static int dial(const char *address, int port)
{
	const int fd = connect_to(address, port);

	if (fd < 0)
		printf("no %s\n", name_of(errno));
	return fd;
}

static int talk(const char *address, int port, const char *text)
{
	char bytes[4096];
	ssize_t got, all = 0;
	const int fd = dial(address, port);

	if (fd < 0)
		return 1;
	if (text && write(fd, text, strlen(text)) < 0)
		return printf("no %s\n", name_of(errno));
	shutdown(fd, SHUT_WR);
	while ((got = read(fd, bytes, sizeof bytes)) > 0) {
		fwrite(bytes, 1, got, stdout);
		all += got;
	}
	if (got < 0)
		printf("no %s\n", name_of(errno));
	else if (all == 0)
		printf("nothing\n");
	close(fd);
	return 0;
}

static int ask(const unsigned char *query, int size, unsigned char *reply, int tcp)
{
	struct timeval wait = {.tv_sec = 3};
	struct sockaddr_storage there;
	const socklen_t length = place("127.0.0.1", 53, &there);
	const int fd = socket(AF_INET, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (connect(fd, (void *)&there, length) < 0)
		return -1;
	if (tcp) {
		const unsigned char prefix[2] = {size >> 8, size};
		write(fd, prefix, 2);
		write(fd, query, size);
		if (recv(fd, reply, 2, MSG_WAITALL) != 2)
			return -1;
		const int got = recv(fd, reply, reply[0] << 8 | reply[1], MSG_WAITALL);
		close(fd);
		return got;
	}
	send(fd, query, size, 0);
	const int got = recv(fd, reply, 4096, 0);
	close(fd);
	return got;
}

static int question(const char *name, int type, unsigned char *query)
{
	int at = 12;

	memset(query, 0, 12);
	query[0] = 0x12, query[1] = 0x34, query[2] = 1, query[5] = 1;
	while (*name) {
		const int label = strcspn(name, ".");
		query[at++] = label;
		memcpy(query + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	query[at++] = 0;
	query[at++] = type >> 8, query[at++] = type, query[at++] = 0, query[at++] = 1;
	return at;
}

// "code 0 198.18.0.1", "code 3", or "no EAGAIN"
static int resolve(const char *name, int type, int tcp, char *address)
{
	unsigned char query[600], reply[4096];
	const int size = question(name, type, query);
	const int got = ask(query, size, reply, tcp);

	address[0] = '\0';
	if (got < 12) {
		printf("no %s\n", name_of(errno));
		return -1;
	}
	if (memcmp(reply, query, 2) != 0 || memcmp(reply + 12, query + 12, size - 12) != 0) {
		printf("not what was asked\n");
		return -1;
	}
	if (reply[7] == 1 && got == size + 16)
		inet_ntop(AF_INET, reply + got - 4, address, 64);
	return reply[3] & 15;
}

static int query(const char *name, int type, int tcp)
{
	char address[64];
	const int code = resolve(name, type, tcp, address);

	if (code >= 0)
		printf("code %d%s%s\n", code, address[0] ? " " : "", address);
	return 0;
}

static int talk_to_name(const char *name, int port, const char *text)
{
	char address[64];
	const int code = resolve(name, 1, 0, address);

	if (code != 0 || !address[0])
		return printf("code %d\n", code);
	return talk(address, port, text);
}

static int datagram(const char *address, int port)
{
	struct sockaddr_storage there;
	const socklen_t size = place(address, port, &there);
	const int fd = socket(there.ss_family, SOCK_DGRAM, 0);
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	char bytes[64];

	if (fd < 0 || connect(fd, (void *)&there, size) < 0 || send(fd, "ask", 3, 0) < 0 || poll(&polled, 1, 1000) < 0)
		return printf("no %s\n", name_of(errno));
	if (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) < 0)
		return printf("no %s\n", name_of(errno));
	return printf("yes\n");
}

// Opens COUNT connections and keeps them all, then says how many of them an answer came through.
static int crowd(const char *address, int port, int count)
{
	int fds[4096], answered = 0, broken = 0;

	for (int i = 0; i < count; i++) {
		/* One that is refused is reset: soon enough for connect to see it, or only later. */
		fds[i] = connect_to(address, port);
		if (fds[i] >= 0)
			write(fds[i], "x", 1);
	}
	for (int i = 0; i < count; i++) {
		struct pollfd polled = {.fd = fds[i], .events = POLLIN};
		char byte;
		poll(&polled, 1, 10000);
		if (read(fds[i], &byte, 1) == 1)
			answered++;
		else
			broken++;
	}
	return printf("answered %d broken %d\n", answered, broken);
}

static unsigned sum_of(unsigned sum, const unsigned char *bytes, ssize_t size)
{
	for (ssize_t i = 0; i < size; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

// Sends that many bytes, ends its half, then reads to the end: "sent SUM received BYTES SUM".
static int transfer(const char *address, int port, long bytes, int pause_us)
{
	static unsigned char block[65536];
	unsigned sent_sum = 0, got_sum = 0;
	long all = 0;
	ssize_t got;
	const int fd = dial(address, port);

	if (fd < 0)
		return 1;
	for (long left = bytes, round = 0; left > 0; round++) {
		const long size = left < (long)sizeof block ? left : (long)sizeof block;
		for (int i = 0; i < 64; i++)
			block[i * 1024] = round + i;
		for (long at = 0; at < size;) {
			const ssize_t put = write(fd, block + at, size - at);
			if (put < 0)
				return printf("no %s after %ld\n", name_of(errno), bytes - left);
			at += put;
		}
		sent_sum = sum_of(sent_sum, block, size);
		left -= size;
	}
	shutdown(fd, SHUT_WR);
	while ((got = read(fd, block, sizeof block)) > 0) {
		got_sum = sum_of(got_sum, block, got);
		all += got;
		if (pause_us > 0)
			usleep(pause_us);
	}
	if (got < 0)
		return printf("no %s after %ld\n", name_of(errno), all);
	return printf("sent %u received %ld %u\n", sent_sum, all, got_sum);
}

static int listen_at(int port)
{
	struct sockaddr_storage here;
	const socklen_t size = place("0.0.0.0", port, &here);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (void *)&here, size) < 0 || listen(fd, 1) < 0)
		return printf("no %s\n", name_of(errno));
	return printf("yes\n");
}

// Datagrams to the resolver, in hex on stdin, one a line; answers in hex, or "-" where none came.
static int send_raw(int wait_ms)
{
	static char line[20000];
	struct sockaddr_storage there;
	const socklen_t length = place("127.0.0.1", 53, &there);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	connect(fd, (void *)&there, length);
	while (fgets(line, sizeof line, stdin)) {
		unsigned char bytes[10000], reply[4096];
		int size = 0;
		for (unsigned byte; sscanf(line + 2 * size, "%2x", &byte) == 1; size++)
			bytes[size] = byte;
		struct pollfd polled = {.fd = fd, .events = POLLIN};
		send(fd, bytes, size, 0);
		if (wait_ms == 0)
			continue;
		if (poll(&polled, 1, wait_ms) == 0) {
			printf("-\n");
			continue;
		}
		const int got = recv(fd, reply, sizeof reply, 0);
		for (int i = 0; i < got; i++)
			printf("%02x", reply[i]);
		printf(got < 0 ? "no\n" : "\n");
	}
	return 0;
}

static int raw_socket(int family, int type, int protocol)
{
	const int fd = socket(family, type, protocol);

	return fd < 0 ? printf("no %s\n", name_of(errno)) : printf("yes\n");
}

int main(int count, char **words)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (char **word = words + 1; *word;) {
		const char *what = *word++;
		int used = 0;
#define IS(text, number) (strcmp(what, text) == 0 && (used = number))
		if (IS("tcp", 3)) talk(word[0], atoi(word[1]), word[2]);
		else if (IS("name", 3)) talk_to_name(word[0], atoi(word[1]), word[2]);
		else if (IS("query", 2)) query(word[0], atoi(word[1]), 0);
		else if (IS("query-tcp", 2)) query(word[0], atoi(word[1]), 1);
		else if (IS("udp", 2)) datagram(word[0], atoi(word[1]));
		else if (IS("crowd", 3)) crowd(word[0], atoi(word[1]), atoi(word[2]));
		else if (IS("transfer", 4)) transfer(word[0], atoi(word[1]), atol(word[2]), atoi(word[3]));
		else if (IS("listen", 1)) listen_at(atoi(word[0]));
		else if (IS("raw", 1)) send_raw(atoi(word[0]));
		else if (IS("socket", 3)) raw_socket(atoi(word[0]), atoi(word[1]), atoi(word[2]));
		else if (IS("wait", 1)) getchar(), usleep(1000 * atoi(word[0]));
		else return printf("what is %s?\n", what), 2;
		word += used;
	}
	return 0;
}
