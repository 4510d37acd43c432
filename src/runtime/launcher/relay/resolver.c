#include "resolver.h"

#include <string.h>

#include "order.h"

/* 198.18.0.0/15 is set aside for benchmarks of network devices (RFC 2544) and appears on no network. */
enum { POOL_A = 198, POOL_B = 18, ANSWER_SECONDS = 30 };

static char names[RESOLVER_NAMES_MAX][NAME_BYTES];
static unsigned name_count;

/* A name keeps its address for as long as the run goes on. Returns its number, from 1; 0 if there is no room. */
static unsigned number_of(const char *name)
{
	for (unsigned i = 0; i < name_count; i++)
		if (strcmp(names[i], name) == 0)
			return i + 1;
	if (name_count == RESOLVER_NAMES_MAX)
		return 0;
	memcpy(names[name_count], name, strlen(name) + 1);
	return ++name_count;
}

const char *resolver_name_of(const struct address *address)
{
	const uint8_t *b = address->bytes;

	if (!address_is_v4(address) || b[12] != POOL_A || b[13] != POOL_B)
		return NULL;
	const unsigned number = read_16(b + 14);
	return number >= 1 && number <= name_count ? names[number - 1] : NULL;
}

static void tell(int launcher, const char *name, enum reason reason)
{
	struct decision decision = {.reason = (uint8_t)reason};
	const size_t length = strlen(name);

	/* What programs ask about addresses is no wish to reach anybody. */
	if (length > 5 && strcmp(name + length - 5, ".arpa") == 0)
		return;
	memcpy(decision.name, name, length + 1);
	channel_tell(launcher, &decision);
}

static unsigned judge(const struct allowlist *list, const struct question *question, uint8_t v4[4], bool *is_v4,
		      int launcher)
{
	*is_v4 = false;
	if (!question->is_query)
		return DNS_UNKNOWN;
	if (question->end == 12)
		return DNS_MALFORMED;
	if (question->class != 1)
		return DNS_REFUSED;
	if (!allowlist_is_name(question->name) || !allowlist_knows(list, question->name)) {
		tell(launcher, question->name, REASON_NOT_LISTED);
		return DNS_NO_NAME;
	}
	/* An allowed name has an IPv4 address and nothing else. */
	if (question->type != DNS_A && question->type != DNS_ANY)
		return DNS_DONE;
	const unsigned number = number_of(question->name);
	if (number == 0) {
		tell(launcher, question->name, REASON_NAMES);
		return DNS_FAILED;
	}
	v4[0] = POOL_A;
	v4[1] = POOL_B;
	write_16(v4 + 2, number);
	*is_v4 = true;
	return DNS_DONE;
}

size_t resolver_answer(const struct allowlist *list, const uint8_t *message, size_t size, uint8_t answer[DNS_UDP_BYTES],
		       int launcher)
{
	struct question question;
	uint8_t v4[4];
	bool is_v4;

	if (!dns_read_question(message, size, &question))
		return 0;
	const unsigned code = judge(list, &question, v4, &is_v4, launcher);
	return dns_write_answer(&question, message, code, is_v4 ? v4 : NULL, ANSWER_SECONDS, answer);
}
