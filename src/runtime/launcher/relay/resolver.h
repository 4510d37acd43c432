/*
 * The plugin's resolver. It looks nothing up: an allowed name gets an address of its own, from a range that no network
 * uses, and what the plugin then connects to tells which name it means.
 */
#ifndef RELAY_RESOLVER_H
#define RELAY_RESOLVER_H

#include "channel.h"
#include "dns.h"

enum { RESOLVER_NAMES_MAX = 1024, RESOLVER_MESSAGE_MAX = 1500 };

/* Answers one message; returns the answer's size, or 0 for none. `launcher` is told of names that are refused. */
size_t resolver_answer(const struct allowlist *list, const uint8_t *message, size_t size, uint8_t answer[DNS_UDP_BYTES],
		       int launcher);
/* The name this address was given for, or NULL. */
const char *resolver_name_of(const struct address *address);

#endif
