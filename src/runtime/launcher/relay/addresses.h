/* Internet addresses: read, written, and judged by whether they lead to the public network. */
#ifndef RELAY_ADDRESSES_H
#define RELAY_ADDRESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../text.h"

/* Always 16 bytes; an IPv4 address is ::ffff:a.b.c.d, so that no address has two forms here. */
struct address {
	uint8_t bytes[16];
};

/* Where an address leads. Everything but REACH_PUBLIC is refused unless the operator allowed it by its number. */
#define REACHES(X)                                         \
	X(PUBLIC, "public")                                \
	X(UNSPECIFIED, "an unspecified address")           \
	X(LOOPBACK, "a loopback address")                  \
	X(PRIVATE, "a private address")                    \
	X(SHARED, "an address shared behind a carrier")    \
	X(LINK_LOCAL, "a link-local address")              \
	X(METADATA, "a cloud's metadata service")          \
	X(MULTICAST, "a multicast address")                \
	X(DOCUMENTATION, "an address for documentation")   \
	X(BENCHMARK, "an address for benchmarks")          \
	X(RESERVED, "a reserved address")                  \
	X(TUNNELLED, "an IPv4 address in disguise")        \
	X(OWN, "an address of this host itself")

enum reach {
#define X(symbol, words) REACH_##symbol,
	REACHES(X)
#undef X
};

/* Dotted decimal without leading zeros, or IPv6 with at most one "::"; nothing else is a number here. */
bool address_parse(const char *string, struct address *address);
void address_print(struct text *text, const struct address *address);
bool address_is(const struct address *one, const struct address *other);
bool address_is_v4(const struct address *address);
enum reach address_reach(const struct address *address);
/* For connect and bind; returns the size. */
socklen_t address_to_socket(const struct address *address, uint16_t port, struct sockaddr_storage *into);
/* The other way; false if it is of no internet family. */
bool address_of_socket(const struct sockaddr_storage *from, struct address *address, uint16_t *port);

#endif
