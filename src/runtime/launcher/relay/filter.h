/* The system calls of the relay's processes: the few they make, and death for any other. */
#ifndef RELAY_FILTER_H
#define RELAY_FILTER_H

enum role { ROLE_RELAY, ROLE_DIALER };

void filter_install(enum role role);

#endif
