/* What this host's own files say about names: /etc/hosts, and the name servers of /etc/resolv.conf. */
#ifndef RELAY_HOSTS_H
#define RELAY_HOSTS_H

#include <stddef.h>

#include "addresses.h"

enum { HOSTS_BYTES_MAX = 1 << 20, NAME_SERVERS_MAX = 3 };

/* Reads both, once, while files can still be opened. A missing file is an empty one. */
void hosts_read(void);
/* The addresses of `name` in /etc/hosts, at most `max`. */
size_t hosts_find(const char *name, struct address *found, size_t max);
size_t hosts_name_servers(const struct address **servers);

#endif
