/* Who may be reached: the specification's `network` and `network-private` lines. */
#ifndef RELAY_ALLOWLIST_H
#define RELAY_ALLOWLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addresses.h"

enum {
	NETWORK_ENTRIES_MAX = 256,
	NETWORK_PORTS_MAX = 128,
	NETWORK_PRIVATE_MAX = 64,
	NETWORK_CONNECTIONS_MAX = 4096,
	NAME_BYTES = 254, /* 253 and the NUL */
};

struct destination {
	/* `*` alone is any public host; `*.example.com` is every name below example.com, and not that name itself. */
	enum { DESTINATION_NAME, DESTINATION_BELOW, DESTINATION_ADDRESS, DESTINATION_PUBLIC } kind;
	const char *name; /* without the "*." */
	struct address address;
	uint16_t port;
};

struct allowlist {
	struct destination entries[NETWORK_ENTRIES_MAX];
	/* Addresses that are not public and that the operator allows all the same. */
	struct destination excused[NETWORK_PRIVATE_MAX];
	uint16_t ports[NETWORK_PORTS_MAX]; /* of all entries, each once */
	size_t count, excused_count, port_count;
};

/* Add one line; the text stays the caller's and is cut in place. Return what is wrong with it, or NULL. */
const char *allowlist_add(struct allowlist *list, char *line);
const char *allowlist_excuse(struct allowlist *list, char *line);

/* Is this a DNS name in lower case, without the dot at its end? */
bool allowlist_is_name(const char *name);
/* Is there any port at which this name may be reached? */
bool allowlist_knows(const struct allowlist *list, const char *name);
bool allowlist_has_name(const struct allowlist *list, const char *name, uint16_t port);
bool allowlist_has_address(const struct allowlist *list, const struct address *address, uint16_t port);
bool allowlist_has_excused(const struct allowlist *list, const struct address *address, uint16_t port);

#endif
