#include "addresses.h"

#include <netinet/in.h>
#include <string.h>

#include "order.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_v4(const char *string, uint8_t into[4])
{
	for (int part = 0; part < 4; part++) {
		unsigned number = 0, digits = 0;

		for (; *string >= '0' && *string <= '9'; string++, digits++) {
			/* 010 is eight to some and ten to others (CVE-2021-29921): neither is taken. */
			if ((digits > 0 && number == 0) || digits == 3)
				return false;
			number = number * 10 + (unsigned)(*string - '0');
		}
		if (digits == 0 || number > 255 || *string != (part < 3 ? '.' : '\0'))
			return false;
		into[part] = (uint8_t)number;
		string++;
	}
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_v6(const char *string, uint8_t into[16])
{
	int filled = 0, gap = -1;

	memset(into, 0, 16);
	if (string[0] == ':' && string[1] == ':') {
		gap = 0;
		string += 2;
	}
	while (*string) {
		const char *start = string;
		unsigned number = 0, digits = 0;

		if (filled == 16)
			return false;
		for (; hex_digit(*string) >= 0 && digits < 4; string++, digits++)
			number = number * 16 + (unsigned)hex_digit(*string);
		if (*string == '.') {
			if (filled > 12 || !parse_v4(start, into + filled))
				return false;
			filled += 4;
			break;
		}
		if (digits == 0)
			return false;
		into[filled++] = (uint8_t)(number >> 8);
		into[filled++] = (uint8_t)number;
		if (*string == '\0')
			break;
		if (*string++ != ':')
			return false;
		if (*string == ':') {
			if (gap >= 0)
				return false;
			gap = filled;
			string++;
		} else if (*string == '\0') {
			return false;
		}
	}
	if (gap < 0)
		return filled == 16;
	if (filled == 16)
		return false;
	memmove(into + 16 - (filled - gap), into + gap, (size_t)(filled - gap));
	memset(into + gap, 0, (size_t)(16 - filled));
	return true;
}

bool address_parse(const char *string, struct address *address)
{
	if (strchr(string, ':'))
		return parse_v6(string, address->bytes);
	memcpy(address->bytes, mapped, sizeof mapped);
	return parse_v4(string, address->bytes + 12);
}

bool address_is(const struct address *one, const struct address *other)
{
	return memcmp(one->bytes, other->bytes, sizeof one->bytes) == 0;
}

bool address_is_v4(const struct address *address)
{
	return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static void print_v6(struct text *text, const uint8_t *bytes)
{
	static const char hex[] = "0123456789abcdef";
	int best = -1, best_length = 1;

	/* RFC 5952: the first of the longest runs of zeros, if it is longer than one. */
	for (int i = 0; i < 8; i++) {
		int length = 0;
		while (i + length < 8 && bytes[2 * (i + length)] == 0 && bytes[2 * (i + length) + 1] == 0)
			length++;
		if (length > best_length) {
			best = i;
			best_length = length;
		}
	}
	for (int i = 0; i < 8; i++) {
		const unsigned group = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
		bool begun = false;

		if (i == best) {
			text_add(text, "::");
			i += best_length - 1;
			continue;
		}
		if (i > 0 && i != best + (best >= 0 ? best_length : 0))
			text_add(text, ":");
		for (int shift = 12; shift >= 0; shift -= 4) {
			const unsigned digit = group >> shift & 15;
			const char string[2] = {hex[digit], '\0'};

			begun |= digit != 0 || shift == 0;
			if (begun)
				text_add(text, string);
		}
	}
}

void address_print(struct text *text, const struct address *address)
{
	const uint8_t *b = address->bytes;

	if (address_is_v4(address))
		text_print(text, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
	else
		print_v6(text, b);
}

struct block {
	uint8_t prefix[8];
	uint8_t bits;
	uint8_t reach;
};

static bool is_in(const uint8_t *bytes, const struct block *block)
{
	const unsigned whole = block->bits / 8, rest = block->bits % 8;

	if (memcmp(bytes, block->prefix, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ block->prefix[whole]) >> (8 - rest) == 0;
}

/* IANA's registries of special-purpose addresses, and where clouds keep what only their guests may ask. */
static enum reach reach_v4(const uint8_t *bytes)
{
	static const struct block blocks[] = {
		{{169, 254, 169, 254}, 32, REACH_METADATA}, {{168, 63, 129, 16}, 32, REACH_METADATA}, /* Azure */
		{{100, 100, 100, 200}, 32, REACH_METADATA}, {{192, 0, 0, 192}, 32, REACH_METADATA}, /* Alibaba, Oracle */
		{{0}, 8, REACH_UNSPECIFIED}, {{10}, 8, REACH_PRIVATE}, {{100, 64}, 10, REACH_SHARED},
		{{127}, 8, REACH_LOOPBACK}, {{169, 254}, 16, REACH_LINK_LOCAL}, {{172, 16}, 12, REACH_PRIVATE},
		{{192, 0, 0}, 24, REACH_RESERVED}, {{192, 0, 2}, 24, REACH_DOCUMENTATION},
		{{192, 88, 99}, 24, REACH_TUNNELLED}, {{192, 168}, 16, REACH_PRIVATE},
		{{198, 18}, 15, REACH_BENCHMARK}, {{198, 51, 100}, 24, REACH_DOCUMENTATION},
		{{203, 0, 113}, 24, REACH_DOCUMENTATION}, {{224}, 4, REACH_MULTICAST}, {{240}, 4, REACH_RESERVED},
	};

	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
		if (is_in(bytes, &blocks[i]))
			return (enum reach)blocks[i].reach;
	return REACH_PUBLIC;
}

/* Public are addresses that were handed out as such, 2000::/3; what is named besides gets its own words. */
static enum reach reach_v6(const uint8_t *bytes)
{
	static const struct block blocks[] = {
		{{0xfd, 0x00, 0x0e, 0xc2}, 32, REACH_METADATA}, {{0xfd, 0x20, 0x00, 0xce}, 32, REACH_METADATA}, /* AWS, Google */
		{{0xfc}, 7, REACH_PRIVATE}, {{0xfe, 0x80}, 10, REACH_LINK_LOCAL}, {{0xfe, 0xc0}, 10, REACH_PRIVATE},
		{{0xff}, 8, REACH_MULTICAST}, {{0x20, 0x02}, 16, REACH_TUNNELLED}, /* 6to4 */
		{{0x20, 0x01, 0x00, 0x00}, 32, REACH_TUNNELLED}, /* Teredo */
		{{0x20, 0x01, 0x0d, 0xb8}, 32, REACH_DOCUMENTATION}, {{0x3f, 0xff, 0x00}, 20, REACH_DOCUMENTATION},
		{{0x20, 0x01, 0x00, 0x02, 0x00, 0x00}, 48, REACH_BENCHMARK}, {{0x20, 0x01, 0x00}, 23, REACH_RESERVED},
		{{0x00, 0x64, 0xff, 0x9b}, 32, REACH_TUNNELLED}, /* NAT64 with a prefix of its own */
	};
	static const uint8_t zeros[15], nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (memcmp(bytes, zeros, 15) == 0)
		return bytes[15] == 0 ? REACH_UNSPECIFIED : bytes[15] == 1 ? REACH_LOOPBACK : REACH_TUNNELLED;
	if (memcmp(bytes, zeros, 12) == 0)
		return REACH_TUNNELLED; /* "IPv4-compatible" */
	/* The well-known prefix is how a host without IPv4 reaches it, so what counts is the address within. */
	if (memcmp(bytes, nat64, 12) == 0)
		return reach_v4(bytes + 12);
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
		if (is_in(bytes, &blocks[i]))
			return (enum reach)blocks[i].reach;
	return bytes[0] >> 5 == 1 ? REACH_PUBLIC : REACH_RESERVED;
}

enum reach address_reach(const struct address *address)
{
	return address_is_v4(address) ? reach_v4(address->bytes + 12) : reach_v6(address->bytes);
}

socklen_t address_to_socket(const struct address *address, uint16_t port, struct sockaddr_storage *into)
{
	if (address_is_v4(address)) {
		struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = to_network(port)};

		memcpy(&v4.sin_addr, address->bytes + 12, 4);
		memcpy(into, &v4, sizeof v4);
		return sizeof v4;
	}
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = to_network(port)};

	memcpy(&v6.sin6_addr, address->bytes, 16);
	memcpy(into, &v6, sizeof v6);
	return sizeof v6;
}

bool address_of_socket(const struct sockaddr_storage *from, struct address *address, uint16_t *port)
{
	if (from->ss_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, from, sizeof v4);
		memcpy(address->bytes, mapped, sizeof mapped);
		memcpy(address->bytes + 12, &v4.sin_addr, 4);
		*port = to_network(v4.sin_port);
		return true;
	}
	if (from->ss_family != AF_INET6)
		return false;
	struct sockaddr_in6 v6;

	memcpy(&v6, from, sizeof v6);
	memcpy(address->bytes, &v6.sin6_addr, 16);
	*port = to_network(v6.sin6_port);
	return true;
}
