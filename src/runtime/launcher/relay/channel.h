/* Messages with descriptors over a SOCK_SEQPACKET pair, and decisions on their way to the journal. */
#ifndef RELAY_CHANNEL_H
#define RELAY_CHANNEL_H

#include <stddef.h>
#include <sys/types.h>

#include "messages.h"

enum { CHANNEL_DESCRIPTORS_MAX = NETWORK_PORTS_MAX + 2 };

/* As sendmsg and recvmsg. `count` descriptors go along; on receiving, room for as many, and how many came. */
ssize_t channel_send(int channel, const void *bytes, size_t size, const int *descriptors, size_t count, int flags);
ssize_t channel_receive(int channel, void *bytes, size_t size, int *descriptors, size_t *count, int flags);

/* Tells the launcher, as often as it wants to hear: what comes too fast is counted and told with what comes later. */
void channel_tell(int launcher, const struct decision *decision);
/* At the end: what was only counted. */
void channel_tell_rest(int launcher);
bool decision_is(const struct decision *one, const struct decision *other);
/* For refusals_go_to: the sentence goes to the launcher, and the process ends. */
void channel_refuse_to(int launcher);
void NORETURN channel_refuse(const struct refusal *refusal);
void channel_ready(int launcher);

int64_t channel_clock_ms(void);

#endif
