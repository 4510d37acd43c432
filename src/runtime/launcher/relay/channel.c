#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TOLD_PER_SECOND = 50, TOLD_AT_ONCE = 200 };

ssize_t channel_send(int channel, const void *bytes, size_t size, const int *descriptors, size_t count, int flags)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * CHANNEL_DESCRIPTORS_MAX)];
	} control;
	struct iovec part = {(void *)(uintptr_t)bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;

	if (count > 0) {
		control.header = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), descriptors, sizeof(int) * count);
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	}
	do
		sent = sendmsg(channel, &message, flags | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent;
}

ssize_t channel_receive(int channel, void *bytes, size_t size, int *descriptors, size_t *count, int flags)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * CHANNEL_DESCRIPTORS_MAX)];
	} control;
	struct iovec part = {bytes, size};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	const size_t room = *count;
	ssize_t got;

	*count = 0;
	do {
		message.msg_control = room > 0 ? &control : NULL;
		/* Not CMSG_SPACE: where `room` is odd its padding has room for one more. */
		message.msg_controllen = room > 0 ? CMSG_LEN(sizeof(int) * room) : 0;
		got = recvmsg(channel, &message, flags | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got <= 0 || room == 0 || message.msg_controllen < sizeof control.header ||
	    control.header.cmsg_level != SOL_SOCKET || control.header.cmsg_type != SCM_RIGHTS)
		return got;
	*count = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(descriptors, CMSG_DATA(&control.header), sizeof(int) * *count);
	return got;
}

int64_t channel_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct decision pending; /* its count: how often it was made since it was last told */
static uint32_t untold[2];      /* denied, allowed */

bool decision_is(const struct decision *one, const struct decision *other)
{
	return one->allowed == other->allowed && one->reason == other->reason && one->port == other->port &&
	       one->has_address == other->has_address && address_is(&one->address, &other->address) &&
	       strcmp(one->name, other->name) == 0;
}

static bool send_decision(int launcher, const struct decision *decision)
{
	struct notice notice = {.kind = NOTICE_DECISION};

	notice.decision = *decision;
	return channel_send(launcher, &notice, sizeof notice, NULL, 0, MSG_DONTWAIT) > 0;
}

void channel_tell_rest(int launcher)
{
	for (int allowed = 0; allowed < 2; allowed++) {
		const struct decision others = {
			.allowed = allowed == 1, .reason = REASON_UNTOLD, .count = untold[allowed]};
		if (untold[allowed] > 0 && send_decision(launcher, &others))
			untold[allowed] = 0;
	}
	if (pending.count > 0 && send_decision(launcher, &pending))
		pending.count = 0;
}

void channel_tell(int launcher, const struct decision *decision)
{
	static int64_t filled_ms;
	static int64_t allowance;
	const int64_t now = channel_clock_ms();

	if (now - filled_ms >= 1000) {
		allowance += (now - filled_ms) / 1000 * TOLD_PER_SECOND;
		if (allowance > TOLD_AT_ONCE)
			allowance = TOLD_AT_ONCE;
		filled_ms = now;
	}
	if (pending.count > 0 && !decision_is(&pending, decision)) {
		untold[pending.allowed] += pending.count;
		pending.count = 0;
	}
	const uint32_t before = pending.count;
	pending = *decision;
	pending.count = before + 1;
	if (allowance <= 0)
		return;
	allowance--;
	channel_tell_rest(launcher);
}

static int refusing_to;

void channel_refuse_to(int launcher)
{
	refusing_to = launcher;
}

void channel_refuse(const struct refusal *refusal)
{
	struct notice notice = {.kind = NOTICE_REFUSED};

	notice.refusal = *refusal;
	if (channel_send(refusing_to, &notice, sizeof notice, NULL, 0, 0) < 0)
		_exit(125);
	_exit(125);
}

void channel_ready(int launcher)
{
	const struct notice notice = {.kind = NOTICE_READY};

	if (channel_send(launcher, &notice, sizeof notice, NULL, 0, 0) < 0)
		_exit(125);
}
