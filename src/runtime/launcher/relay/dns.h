/*
 * DNS messages (RFC 1035), as far as names of hosts need them. Every length is checked where it is read; what does not
 * fit is no message. Nothing here allocates, waits or remembers.
 */
#ifndef RELAY_DNS_H
#define RELAY_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addresses.h"
#include "allowlist.h"

enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_ANY = 255 };
enum { DNS_DONE = 0, DNS_MALFORMED = 1, DNS_FAILED = 2, DNS_NO_NAME = 3, DNS_UNKNOWN = 4, DNS_REFUSED = 5 };
enum {
	DNS_UDP_BYTES = 512,   /* we offer no more, and so are sent no more */
	DNS_TCP_BYTES = 8192,
	DNS_ADDRESSES_MAX = 16,
	DNS_CHAIN_MAX = 8,     /* aliases followed for one name */
	DNS_RECORDS_MAX = 128, /* looked at in one reply */
};

struct question {
	uint16_t id, flags, type, class;
	char name[NAME_BYTES]; /* lower case, no dot at the end */
	size_t end;            /* of the question in the message */
	bool is_query;         /* opcode 0 */
};

/*
 * The plugin's side. False: this is no question and gets no answer. A question that is malformed beyond its header
 * has an empty name, and `end` is where the header ends.
 */
bool dns_read_question(const uint8_t *bytes, size_t size, struct question *question);
/* Answers it into `answer` (DNS_UDP_BYTES): with that IPv4 address, or with none if it is NULL. Returns the size. */
size_t dns_write_answer(const struct question *question, const uint8_t *query, unsigned code, const uint8_t *v4,
			unsigned seconds, uint8_t *answer);

/* The host's side. */
size_t dns_write_query(uint16_t id, const char *name, uint16_t type, uint8_t *query);

enum dns_reply { REPLY_NOT_OURS, REPLY_CUT, REPLY_ADDRESSES, REPLY_NO_NAME, REPLY_EMPTY, REPLY_FAILED };

/* `found` holds DNS_ADDRESSES_MAX. REPLY_NOT_OURS: keep waiting, whoever sent this did not see the question. */
enum dns_reply dns_read_reply(const uint8_t *bytes, size_t size, uint16_t id, const char *name, uint16_t type,
			      struct address *found, size_t *count);

#endif
