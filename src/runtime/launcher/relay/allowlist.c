#include "allowlist.h"

#include <string.h>

bool allowlist_is_name(const char *name)
{
	const size_t length = strlen(name);
	size_t label = 0;

	if (length == 0 || length >= NAME_BYTES)
		return false;
	for (size_t i = 0; i < length; i++) {
		const char c = name[i];
		if (c == '.') {
			if (label == 0 || name[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		/* Not in host names, but in names that hosts have all the same. */
		const bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
		if ((!is_letter && (c != '-' || label == 0)) || ++label > 63)
			return false;
	}
	return label > 0 && name[length - 1] != '-';
}

/* Cuts the port off; 0 if there is none. */
static uint16_t take_port(char *line)
{
	char *colon = strrchr(line, ':');
	unsigned port = 0;

	if (!colon || colon[1] == '0' || colon[1] == '\0' || strlen(colon + 1) > 5)
		return 0;
	for (const char *digit = colon + 1; *digit; digit++) {
		if (*digit < '0' || *digit > '9')
			return 0;
		port = port * 10 + (unsigned)(*digit - '0');
	}
	*colon = '\0';
	return port > 65535 ? 0 : (uint16_t)port;
}

/* What ends in a number is an address to most programs. */
static bool ends_in_number(const char *text)
{
	const char *last = strrchr(text, '.');

	last = last ? last + 1 : text;
	return *last >= '0' && *last <= '9' && strspn(last, "0123456789abcdefx") == strlen(last);
}

/* An address as it stands before a port: IPv6 in brackets. Says by `is_number` whether it was meant to be one. */
static bool take_address(char *text, struct address *address, bool *is_number)
{
	const size_t length = strlen(text);

	/* It must be one here, in its one spelling. */
	*is_number = text[0] == '[' || ends_in_number(text);
	if (text[0] != '[')
		return !strchr(text, ':') && address_parse(text, address);
	if (length < 4 || text[length - 1] != ']')
		return false;
	text[length - 1] = '\0';
	return strchr(text + 1, ':') && address_parse(text + 1, address);
}

static const char *add_port(struct allowlist *list, uint16_t port)
{
	for (size_t i = 0; i < list->port_count; i++)
		if (list->ports[i] == port)
			return NULL;
	if (list->port_count == NETWORK_PORTS_MAX)
		return "names too many ports";
	list->ports[list->port_count++] = port;
	return NULL;
}

const char *allowlist_add(struct allowlist *list, char *line)
{
	struct destination entry = {.kind = DESTINATION_NAME, .name = line, .port = take_port(line)};
	bool is_number = false;

	if (list->count == NETWORK_ENTRIES_MAX)
		return "is given too often";
	if (entry.port == 0)
		return "has no port from 1 to 65535";
	if (strcmp(line, "*") == 0) {
		entry.kind = DESTINATION_PUBLIC;
	} else if (line[0] == '*' && line[1] == '.') {
		entry.kind = DESTINATION_BELOW;
		entry.name = line + 2;
		if (!strchr(entry.name, '.'))
			return "covers a whole top-level domain";
		is_number = ends_in_number(entry.name);
	} else if (take_address(line, &entry.address, &is_number)) {
		entry.kind = DESTINATION_ADDRESS;
	}
	if (is_number && entry.kind != DESTINATION_ADDRESS)
		return "is neither a name nor an address";
	if ((entry.kind == DESTINATION_NAME || entry.kind == DESTINATION_BELOW) && !allowlist_is_name(entry.name))
		return "is neither a name nor an address";
	list->entries[list->count++] = entry;
	return add_port(list, entry.port);
}

const char *allowlist_excuse(struct allowlist *list, char *line)
{
	struct destination entry = {.kind = DESTINATION_ADDRESS, .port = take_port(line)};
	bool is_number;

	if (list->excused_count == NETWORK_PRIVATE_MAX)
		return "is given too often";
	if (entry.port == 0)
		return "has no port from 1 to 65535";
	if (!take_address(line, &entry.address, &is_number))
		return "is no address";
	list->excused[list->excused_count++] = entry;
	return NULL;
}

static bool matches(const struct destination *entry, const char *name)
{
	if (entry->kind == DESTINATION_PUBLIC)
		return true;
	if (entry->kind == DESTINATION_NAME)
		return strcmp(entry->name, name) == 0;
	if (entry->kind != DESTINATION_BELOW)
		return false;
	const size_t length = strlen(name), suffix = strlen(entry->name);
	return length > suffix + 1 && name[length - suffix - 1] == '.' && strcmp(name + length - suffix, entry->name) == 0;
}

bool allowlist_knows(const struct allowlist *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (matches(&list->entries[i], name))
			return true;
	return false;
}

bool allowlist_has_name(const struct allowlist *list, const char *name, uint16_t port)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].port == port && matches(&list->entries[i], name))
			return true;
	return false;
}

bool allowlist_has_address(const struct allowlist *list, const struct address *address, uint16_t port)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct destination *entry = &list->entries[i];
		if (entry->port == port &&
		    (entry->kind == DESTINATION_PUBLIC ||
		     (entry->kind == DESTINATION_ADDRESS && address_is(&entry->address, address))))
			return true;
	}
	return false;
}

bool allowlist_has_excused(const struct allowlist *list, const struct address *address, uint16_t port)
{
	for (size_t i = 0; i < list->excused_count; i++)
		if (list->excused[i].port == port && address_is(&list->excused[i].address, address))
			return true;
	return false;
}
