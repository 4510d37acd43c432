#include "dns.h"

#include <string.h>

#include "order.h"

enum {
	HEADER = 12,
	FLAG_REPLY = 0x8000, FLAG_CUT = 0x0200, FLAG_RECURSE = 0x0100, FLAG_CAN_RECURSE = 0x0080,
	OPCODE = 0x7800, CODE = 0x000f,
	CLASS_INTERNET = 1,
	POINTERS_MAX = 16, /* of one name; each leads further back anyway */
};

/*
 * Reads the name at `*at` and moves behind it. A pointer must lead to before the name it stands in, so that no chain of
 * them comes back to where it was.
 */
static bool read_name(const uint8_t *bytes, size_t size, size_t *at, bool pointers, char name[NAME_BYTES])
{
	size_t from = *at, before = *at, length = 0;
	bool jumped = false;

	for (int jumps = 0;;) {
		if (from >= size)
			return false;
		const unsigned label = bytes[from];

		if (label >= 0xc0) {
			if (!pointers || from + 2 > size || ++jumps > POINTERS_MAX)
				return false;
			if (!jumped)
				*at = from + 2;
			jumped = true;
			from = (size_t)(label & 0x3f) << 8 | bytes[from + 1];
			if (from < HEADER || from >= before)
				return false;
			before = from;
			continue;
		}
		if (label > 63 || from + 1 + label > size)
			return false;
		from++;
		if (label == 0)
			break;
		if (length + label + (length > 0) >= NAME_BYTES)
			return false;
		if (length > 0)
			name[length++] = '.';
		for (unsigned i = 0; i < label; i++, from++) {
			const uint8_t c = bytes[from];
			/* A dot or a NUL within a label would read as another name than the wire has. */
			if (c == '.' || c == '\0')
				return false;
			name[length++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
	}
	name[length] = '\0';
	if (!jumped)
		*at = from;
	return true;
}

bool dns_read_question(const uint8_t *bytes, size_t size, struct question *question)
{
	if (size < HEADER || read_16(bytes + 2) & FLAG_REPLY)
		return false;
	*question = (struct question){.id = read_16(bytes), .flags = read_16(bytes + 2), .end = HEADER};
	question->is_query = (question->flags & OPCODE) == 0;

	size_t at = HEADER;
	char name[NAME_BYTES];
	if (read_16(bytes + 4) != 1 || !read_name(bytes, size, &at, false, name) || at + 4 > size)
		return true;
	memcpy(question->name, name, sizeof name);
	question->type = read_16(bytes + at);
	question->class = read_16(bytes + at + 2);
	question->end = at + 4;
	return true;
}

size_t dns_write_answer(const struct question *question, const uint8_t *query, unsigned code, const uint8_t *v4,
			unsigned seconds, uint8_t *answer)
{
	size_t length = question->end; /* at most HEADER + 255 + 4 */

	memcpy(answer, query, length);
	write_16(answer + 2, FLAG_REPLY | (question->flags & (OPCODE | FLAG_RECURSE)) | FLAG_CAN_RECURSE | code);
	write_16(answer + 4, length > HEADER);
	write_16(answer + 6, v4 != NULL);
	write_16(answer + 8, 0);
	write_16(answer + 10, 0);
	if (v4) {
		uint8_t *record = answer + length;
		write_16(record, 0xc000 | HEADER); /* the name of the question */
		write_16(record + 2, DNS_A);
		write_16(record + 4, CLASS_INTERNET);
		write_16(record + 6, seconds >> 16);
		write_16(record + 8, seconds);
		write_16(record + 10, 4);
		memcpy(record + 12, v4, 4);
		length += 16;
	}
	return length;
}

size_t dns_write_query(uint16_t id, const char *name, uint16_t type, uint8_t *query)
{
	size_t length = HEADER;

	memset(query, 0, HEADER);
	write_16(query, id);
	write_16(query + 2, FLAG_RECURSE);
	write_16(query + 4, 1);
	while (*name) { /* a name of allowlist_is_name: labels of 1 to 63, 253 in all */
		const size_t label = strcspn(name, ".");
		query[length++] = (uint8_t)label;
		memcpy(query + length, name, label);
		length += label;
		name += label + (name[label] == '.');
	}
	query[length++] = 0;
	write_16(query + length, type);
	write_16(query + length + 2, CLASS_INTERNET);
	return length + 4;
}

struct record {
	char owner[NAME_BYTES];
	uint16_t type, class;
	size_t data, data_size;
};

static bool read_record(const uint8_t *bytes, size_t size, size_t *at, struct record *record)
{
	if (!read_name(bytes, size, at, true, record->owner) || *at + 10 > size)
		return false;
	record->type = read_16(bytes + *at);
	record->class = read_16(bytes + *at + 2);
	record->data_size = read_16(bytes + *at + 8);
	record->data = *at + 10;
	if (record->data + record->data_size > size)
		return false;
	*at = record->data + record->data_size;
	return true;
}

static void add_address(const uint8_t *data, uint16_t type, struct address *found, size_t *count)
{
	static const struct address mapped = {{[10] = 0xff, [11] = 0xff}};

	if (*count == DNS_ADDRESSES_MAX)
		return;
	struct address *address = &found[(*count)++];
	*address = mapped;
	if (type == DNS_A)
		memcpy(address->bytes + 12, data, 4);
	else
		memcpy(address->bytes, data, 16);
}

/* One look through the answers for what `name` is: its addresses, or the name it is another one of. */
static bool look_through(const uint8_t *bytes, size_t size, size_t at, unsigned records, char name[NAME_BYTES],
			 uint16_t type, struct address *found, size_t *count, bool *is_alias)
{
	char alias[NAME_BYTES];

	*is_alias = false;
	for (unsigned i = 0; i < records; i++) {
		struct record record;
		if (!read_record(bytes, size, &at, &record))
			return false;
		if (record.class != CLASS_INTERNET || strcmp(record.owner, name) != 0)
			continue;
		if (record.type == type && record.data_size == (type == DNS_A ? 4 : 16)) {
			add_address(bytes + record.data, type, found, count);
		} else if (record.type == DNS_CNAME && !*is_alias) {
			size_t data = record.data;
			if (!read_name(bytes, size, &data, true, alias) || data != record.data + record.data_size)
				return false;
			*is_alias = true;
		}
	}
	if (*is_alias)
		memcpy(name, alias, NAME_BYTES);
	return true;
}

enum dns_reply dns_read_reply(const uint8_t *bytes, size_t size, uint16_t id, const char *name, uint16_t type,
			      struct address *found, size_t *count)
{
	char asked[NAME_BYTES];
	size_t at = HEADER;

	*count = 0;
	if (size < HEADER || read_16(bytes) != id)
		return REPLY_NOT_OURS;
	const unsigned flags = read_16(bytes + 2), records = read_16(bytes + 6);
	if (!(flags & FLAG_REPLY) || flags & OPCODE || read_16(bytes + 4) != 1 ||
	    !read_name(bytes, size, &at, false, asked) || at + 4 > size || strcmp(asked, name) != 0 ||
	    read_16(bytes + at) != type || read_16(bytes + at + 2) != CLASS_INTERNET)
		return REPLY_NOT_OURS;
	if (flags & FLAG_CUT)
		return REPLY_CUT;
	if ((flags & CODE) == DNS_NO_NAME)
		return REPLY_NO_NAME;
	if ((flags & CODE) != DNS_DONE || records > DNS_RECORDS_MAX)
		return REPLY_FAILED;
	for (int hops = 0; hops <= DNS_CHAIN_MAX; hops++) {
		bool is_alias;
		if (!look_through(bytes, size, at + 4, records, asked, type, found, count, &is_alias)) {
			*count = 0;
			return REPLY_FAILED;
		}
		if (*count > 0)
			return REPLY_ADDRESSES;
		if (!is_alias)
			return REPLY_EMPTY;
	}
	return REPLY_FAILED;
}
