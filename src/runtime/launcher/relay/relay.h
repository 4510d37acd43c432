/*
 * The relay: speaks with the plugin. It answers its resolver, accepts its connections, has the dialer make their
 * continuation outside, and pumps. It reads what the plugin writes, so it has no right at all: it cannot open, make,
 * connect, signal or start anything.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "../spec.h"
#include "messages.h"

struct relay {
	const struct spec *spec;
	int ports;    /* on which the plugin's ports come, once */
	int dialer;   /* requests out, sockets in */
	int launcher; /* decisions out; its end ends us */
	struct traffic *traffic;
};

void NORETURN relay_main(const struct relay *relay);

#endif
