#ifndef RELAY_OWN_H
#define RELAY_OWN_H

#include "addresses.h"

/* Is it an address of this host? Asks the routing table, and sends nothing. */
bool own_address(const struct address *address, uint16_t port);

#endif
