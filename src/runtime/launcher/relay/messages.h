/*
 * What the processes of a run's network tell each other: whole messages of a fixed form, over sockets that keep them.
 * Whoever was taken over sends any bytes in it. So there is no `bool` here: the compiler believes that one is 0 or 1.
 */
#ifndef RELAY_MESSAGES_H
#define RELAY_MESSAGES_H

#include "../refusal.h"
#include "addresses.h"
#include "allowlist.h"

/* Why a connection was not made. The words are the launcher's: no process that reads foreign bytes writes sentences. */
#define REASONS(X)                                                                                  \
	X(NONE, NULL)                                                                               \
	X(NOT_LISTED, "the plugin may not reach it")                                                \
	X(CONNECTIONS, "as many connections are open as the plugin may have")                       \
	X(BYTES, "the plugin has moved as many bytes as it may")                                    \
	X(NAMES, "the plugin has asked for more names than are kept")                               \
	X(NO_NAME, "there is no such name")                                                         \
	X(LOOKUP, "its name cannot be looked up")                                                   \
	X(REFUSED, "the connection was refused")                                                    \
	X(UNREACHABLE, "it cannot be reached")                                                      \
	X(TIME, "it did not answer in time")                                                        \
	X(ENDED, "the relay has ended")                                                             \
	X(UNTOLD, "and others, more than are told one by one")

enum reason {
#define X(symbol, words) REASON_##symbol,
	REASONS(X)
#undef X
	REASON_REACH, /* plus a `reach`: it leads elsewhere than to the public network */
};

/* Relay to dialer. */
struct dial {
	uint32_t id;
	uint16_t port;
	uint8_t by_name;
	struct address address;
	char name[NAME_BYTES];
};

/* Dialer to relay, with the connected socket if there is one. */
struct dialled {
	uint32_t id;
	uint8_t connected;
};

/* To the launcher, which keeps the journal. */
struct decision {
	uint8_t allowed, has_address;
	uint8_t reason; /* of `reason`, and from REASON_REACH on of `reach` */
	uint16_t port;
	uint32_t count;
	struct address address;
	char name[NAME_BYTES]; /* as asked for; of a number, empty */
};

struct notice {
	enum { NOTICE_READY, NOTICE_REFUSED, NOTICE_DECISION } kind;
	union {
		struct refusal refusal;
		struct decision decision;
	};
};

/* Shared by relay and launcher. The launcher believes these numbers as far as it would believe the relay. */
struct traffic {
	volatile uint64_t bytes;
	volatile uint32_t connections_met, bytes_met;
};

#endif
