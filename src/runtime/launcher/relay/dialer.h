/*
 * The dialer: speaks with the world, for a relay it does not trust. It stands in the host's network and holds the whole
 * decision: it checks the list again, looks the name up, refuses what does not lead to the public network, and connects to
 * the very address it checked. The relay is given the connected socket and never learns more.
 */
#ifndef RELAY_DIALER_H
#define RELAY_DIALER_H

#include "../spec.h"
#include "messages.h"

struct dialer {
	const struct spec *spec;
	int relay;    /* requests in, sockets out; its end ends us */
	int launcher; /* decisions out */
};

void NORETURN dialer_main(const struct dialer *dialer);

#endif
