/* Ways out by a socket. */
static struct sockaddr_in internet(char **a)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(a[1]))};
	inet_pton(AF_INET, a[0], &to.sin_addr);
	return to;
}
static int udp_echo(char **a)
{
	const struct sockaddr_in to = internet(a);
	const struct timeval second = {1, 0};
	char byte;
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
	return said(connect(fd, (void *)&to, sizeof to) == 0 && send(fd, "x", 1, 0) == 1 && recv(fd, &byte, 1, 0) == 1);
}
/* Bytes in the first packet, without a connect() that somebody could look at. */
static int fast_open(char **a)
{
	const struct sockaddr_in to = internet(a);
	return said(sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN, (void *)&to, sizeof to) == 1);
}
static int mapped(char **a)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(a[1]))};
	inet_pton(AF_INET6, a[0], &to.sin6_addr);
	return said(connect(socket(AF_INET6, SOCK_STREAM, 0), (void *)&to, sizeof to) == 0);
}
/* Would a datagram leave? Connecting one only asks the routes. */
static int route(char **a)
{
	const struct sockaddr_in to = internet(a);
	return said(connect(socket(AF_INET, SOCK_DGRAM, 0), (void *)&to, sizeof to) == 0);
}
static int take_port(char **a)
{
	char *const here[] = {"127.0.0.1", a[0]};
	const struct sockaddr_in at = internet((char **)here);
	return said(bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&at, sizeof at) == 0);
}
/* For the host: a mailbox at PATH until the input ends. */
static int mailbox(char **a)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char byte;
	strcpy(at.sun_path, a[0]);
	if (bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&at, sizeof at) < 0)
		return 1;
	puts("open");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
