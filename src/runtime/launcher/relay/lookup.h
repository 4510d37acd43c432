/*
 * One question to the host's name servers: A or AAAA of a name. UDP first, from a port and with a number of its own each
 * time, so that nobody who did not see the question can answer it; TCP when the answer was too long. Never waits.
 */
#ifndef RELAY_LOOKUP_H
#define RELAY_LOOKUP_H

#include <poll.h>

#include "dns.h"

struct lookup {
	enum { LOOKUP_IDLE, LOOKUP_UDP, LOOKUP_TCP, LOOKUP_DONE } state;
	int fd;
	const char *name;
	uint16_t type, id;
	unsigned tries;
	int64_t until_ms; /* of this try */
	size_t got;       /* TCP */
	bool sent;        /* TCP */
	enum dns_reply result; /* once LOOKUP_DONE */
	struct address found[DNS_ADDRESSES_MAX];
	size_t count;
	uint8_t bytes[2 + DNS_TCP_BYTES];
};

void lookup_begin(struct lookup *lookup, const char *name, uint16_t type);
struct pollfd lookup_wants(const struct lookup *lookup);
/* `events` of its descriptor, or 0 when only time went by. */
void lookup_go_on(struct lookup *lookup, short events);
void lookup_end(struct lookup *lookup);

#endif
