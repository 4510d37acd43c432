#include "ports.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../refusal.h"
#include "channel.h"
#include "order.h"

/* As many as may be open at once: one that finds no room in the queue is tried again by the kernel, but a second later. */
enum { LOOPBACK_INDEX = 1, BACKLOG = NETWORK_CONNECTIONS_MAX, RESOLVER_PORT = 53 };

struct request {
	struct nlmsghdr header;
	union {
		struct rtmsg route;
		struct ifaddrmsg address;
	};
	char attributes[64];
};

static void add_attribute(struct request *request, unsigned short type, const void *value, unsigned short size)
{
	struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), value, size);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + RTA_ALIGN(attribute->rta_len);
}

/* Returns an errno, 0 when it is done. */
static int ask(int netlink, const struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} answer;

	if (send(netlink, request, request->header.nlmsg_len, 0) < 0)
		return errno;
	const ssize_t got = recv(netlink, &answer, sizeof answer, 0);
	if (got < 0)
		return errno;
	if (got < (ssize_t)sizeof answer.header || answer.header.nlmsg_type != NLMSG_ERROR)
		return EPROTO;
	return -answer.error.error;
}

/*
 * C libraries look whether a host has any address but 127.0.0.1 before they look a name up (AI_ADDRCONFIG, RFC 3493). This
 * one is of the resolver's range, at its far end, and is given to no name.
 */
static int add_address(int netlink)
{
	static const uint8_t own[4] = {198, 18, 255, 254};
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof request.address), .nlmsg_type = RTM_NEWADDR,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
		.address = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = LOOPBACK_INDEX},
	};

	add_attribute(&request, IFA_LOCAL, own, sizeof own);
	add_attribute(&request, IFA_ADDRESS, own, sizeof own);
	return ask(netlink, &request);
}

/*
 * "Every address is mine": whatever the plugin dials arrives at its own loopback. A port that is listened at is the
 * relay's to judge; at any other the kernel itself refuses the connection. No packet can leave, there being no way out.
 */
static int add_route(int netlink, unsigned char family)
{
	static const uint32_t loopback_v4 = 0x0100007f;
	const uint32_t index = LOOPBACK_INDEX;
	struct request request = {
		.header = {.nlmsg_len = NLMSG_LENGTH(sizeof request.route), .nlmsg_type = RTM_NEWROUTE,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE},
		.route = {.rtm_family = family, .rtm_table = RT_TABLE_LOCAL, .rtm_protocol = RTPROT_STATIC,
			  .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE, .rtm_type = RTN_LOCAL},
	};

	add_attribute(&request, RTA_OIF, &index, sizeof index);
	/* Else a connection would come from the address it goes to, and could meet itself. */
	if (family == AF_INET)
		add_attribute(&request, RTA_PREFSRC, &loopback_v4, sizeof loopback_v4);
	return ask(netlink, &request);
}

static void add_routes(bool has_v6)
{
	const int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (netlink < 0)
		unavailable(NETWORK, "cannot ask for routes: %m");
	errno = add_address(netlink);
	if (errno != 0)
		unavailable(NETWORK, "cannot give loopback an address of its own: %m");
	errno = add_route(netlink, AF_INET);
	if (errno != 0)
		unavailable(NETWORK, "cannot lead every address to loopback: %m");
	errno = has_v6 ? add_route(netlink, AF_INET6) : 0;
	if (errno != 0)
		unavailable(NETWORK, "cannot lead every IPv6 address to loopback: %m");
	close(netlink);
}

static void bind_to(int fd, const struct address *address, uint16_t port)
{
	struct sockaddr_storage where;
	const socklen_t size = address_to_socket(address, port, &where);

	if (fd < 0 || bind(fd, (struct sockaddr *)&where, size) < 0)
		unavailable(NETWORK, "cannot open port %u for the relay: %m", port);
}

static void listen_at(int fd, uint16_t port)
{
	const int yes = 1;

	/* Passed on to what is accepted: a relay that waits for more to send would only add its wait to the plugin's. */
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) < 0 || listen(fd, BACKLOG) < 0)
		unavailable(NETWORK, "cannot listen at port %u for the relay: %m", port);
}

/* One socket for both families where there are both: an IPv4 connection then has a mapped address, as all do here. */
static int listener(uint16_t port, bool has_v6)
{
	static const struct address any_v6, any_v4 = {{[10] = 0xff, [11] = 0xff}};
	const int fd = socket(has_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int no = 0;

	if (fd >= 0 && has_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no) < 0)
		unavailable(NETWORK, "cannot open port %u for both families: %m", port);
	bind_to(fd, has_v6 ? &any_v6 : &any_v4, port);
	listen_at(fd, port);
	return fd;
}

/* A kernel without IPv6 has nothing that a plugin could miss; disabled later, by sysctl, it still takes routes. */
static bool knows_v6(void)
{
	const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

void ports_open(const struct spec *spec, int channel)
{
	static const struct address loopback = {{[10] = 0xff, 0xff, 127, 0, 0, 1}};
	int sockets[CHANNEL_DESCRIPTORS_MAX];
	size_t count = 0;
	bool is_resolver_port = false;
	const bool has_v6 = knows_v6();

	add_routes(has_v6);
	sockets[count] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bind_to(sockets[count++], &loopback, RESOLVER_PORT);
	for (size_t i = 0; i < spec->network.port_count; i++) {
		is_resolver_port |= spec->network.ports[i] == RESOLVER_PORT;
		sockets[count++] = listener(spec->network.ports[i], has_v6);
	}
	/* Where port 53 is relayed, that listener has the resolver's address too. */
	if (!is_resolver_port) {
		sockets[count] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		bind_to(sockets[count], &loopback, RESOLVER_PORT);
		listen_at(sockets[count++], RESOLVER_PORT);
	}
	if (channel_send(channel, "", 1, sockets, count, 0) < 0)
		unavailable(NETWORK, "cannot hand the ports to the relay: %m");
	for (size_t i = 0; i < count; i++)
		close(sockets[i]);
}
