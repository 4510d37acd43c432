#include "own.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* IPv4 knows no larger one; the loopback's is. */
enum { MTU_MAX = 65535 };

struct route {
	struct address local; /* whom the host would speak as */
	int mtu;              /* 0: unknown */
};

/* Connecting a datagram socket looks the route up. False: there is none, and then nobody can be dialled either. */
static bool find_route(const struct address *address, uint16_t port, struct route *route)
{
	struct sockaddr_storage there, here;
	const socklen_t size = address_to_socket(address, port, &there);
	socklen_t here_size = sizeof here, mtu_size = sizeof route->mtu;
	uint16_t local_port;
	const int fd = socket(there.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	const bool found = connect(fd, (struct sockaddr *)&there, size) == 0 &&
			   getsockname(fd, (struct sockaddr *)&here, &here_size) == 0 &&
			   address_of_socket(&here, &route->local, &local_port);
	if (there.ss_family != AF_INET || getsockopt(fd, IPPROTO_IP, IP_MTU, &route->mtu, &mtu_size) < 0)
		route->mtu = 0;
	close(fd);
	return found;
}

/*
 * The address this host would speak from is the address itself only if it is one of its own. Of a second one in an IPv4
 * network the kernel says the first; but what is the host's own goes through its loopback. Where routes to elsewhere have a
 * size like that too (TEST-NET-1 is nobody's), the size says nothing.
 */
bool own_address(const struct address *address, uint16_t port)
{
	static const struct address elsewhere = {{[10] = 0xff, 0xff, 192, 0, 2, 1}};
	struct route route, other;

	if (!find_route(address, port, &route))
		return false;
	if (address_is(address, &route.local))
		return true;
	return route.mtu >= MTU_MAX && (!find_route(&elsewhere, port, &other) || other.mtu < MTU_MAX);
}
