// The relay's parsers outside of a relay: a line on stdin says what to read, a line on stdout what was understood.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addresses.c"
#include "allowlist.c"
#include "dns.c"
#include "../names.c"
#include "../text.c"

// Memory of exactly this size, so that one byte read beyond it is found.
static uint8_t *bytes_of(const char *hex, size_t *size)
{
	*size = strlen(hex) / 2;
	uint8_t *bytes = malloc(*size ? *size : 1);
	for (size_t i = 0; i < *size; i++) {
		unsigned byte;
		sscanf(hex + 2 * i, "%2x", &byte);
		bytes[i] = byte;
	}
	return bytes;
}

static void print_address(const struct address *address)
{
	TEXT(text, 64);
	address_print(&text, address);
	fputs(text.bytes, stdout);
}

static const char *const words[] = {
#define X(symbol, text) [REACH_##symbol] = text,
	REACHES(X)
#undef X
};

static void reach(char *string)
{
	struct address address;

	if (!address_parse(string, &address)) {
		puts("no address");
		return;
	}
	print_address(&address);
	printf(" %s\n", words[address_reach(&address)]);
}

static void question(const char *hex)
{
	struct question read;
	size_t size;
	uint8_t *bytes = bytes_of(hex, &size), *answer = malloc(DNS_UDP_BYTES);
	const uint8_t v4[4] = {198, 18, 0, 1};

	if (!dns_read_question(bytes, size, &read)) {
		puts("no question");
	} else {
		const size_t length = dns_write_answer(&read, bytes, 0, v4, 30, answer);
		printf("%zu %u %zu\n", strlen(read.name), read.type, length);
	}
	free(answer);
	free(bytes);
}

// HEX NAME TYPE: a reply to the question with number 0x1234
static void reply(char *hex)
{
	struct address *found = malloc(sizeof *found * DNS_ADDRESSES_MAX);
	const char *name = strtok(NULL, " \n"), *type = strtok(NULL, " \n");
	size_t size, count;
	uint8_t *bytes = bytes_of(hex, &size);
	static const char *const said[] = {"not ours", "cut", "addresses", "no name", "empty", "failed"};

	printf("%s", said[dns_read_reply(bytes, size, 0x1234, name, atoi(type), found, &count)]);
	for (size_t i = 0; i < count; i++) {
		putchar(' ');
		print_address(&found[i]);
	}
	putchar('\n');
	free(bytes);
	free(found);
}

static void list(char *line)
{
	struct allowlist *all = calloc(1, sizeof *all);
	const char *fault = allowlist_add(all, line);

	puts(fault ? fault : "taken");
	free(all);
}

int main(void)
{
	static char line[1 << 16];

	while (fgets(line, sizeof line, stdin)) {
		const char *what = strtok(line, " \n");
		char *rest = strtok(NULL, " \n");
		if (strcmp(what, "reach") == 0) reach(rest);
		else if (strcmp(what, "question") == 0) question(rest ? rest : "");
		else if (strcmp(what, "reply") == 0) reply(rest);
		else if (strcmp(what, "list") == 0) list(rest);
	}
	return 0;
}
