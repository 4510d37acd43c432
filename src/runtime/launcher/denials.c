#include "denials.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "calls.h"
#include "denial-list.h"
#include "kernel.h"
#include "refusal.h"
#include "seccomp.h"
#include "sight.h"
#include "supervise.h"

/*
 * The launcher's time is not in the plugin's cgroup, so asking is rationed: after a start's worth of calls, so many a
 * millisecond. A plugin that asks faster waits, and nobody else does.
 */
enum { AT_ONCE = 64, BURST = 16384, PER_MS = 8 };

static const struct spec *spec;
static int door = -1;     /* where the listener arrives */
static int listener = -1;
static int64_t ration = BURST, counted_ms;

/* Newer kernels may have longer structures, and want room for them. */
static union { struct seccomp_notif asked; char room[512]; } request;
static union { struct seccomp_notif_resp said; char room[512]; } response;

int denials_open(const struct spec *of)
{
	struct seccomp_notif_sizes sizes;
	int ends[2];

	spec = of;
	if (!spec->report_denials)
		return -1;
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		unavailable(SECCOMP, "cannot report denials: %m");
	if (sizes.seccomp_notif > sizeof request || sizes.seccomp_notif_resp > sizeof response)
		unavailable(SECCOMP, "cannot report denials: this kernel's notifications are too long");
	if (syscall(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		failed("cannot make a socket pair: %m");
	door = ends[0];
	return ends[1];
}

/* One descriptor in a letter of one byte. */
union parcel {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

void denials_hand_out(int to, int fd)
{
	union parcel parcel = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct iovec letter = {(char[]){'d'}, 1};
	const struct msghdr message = {
		.msg_iov = &letter, .msg_iovlen = 1, .msg_control = &parcel, .msg_controllen = sizeof parcel};

	if (to < 0)
		return;
	memcpy(CMSG_DATA(&parcel.header), &fd, sizeof fd);
	if (syscall(SYS_sendmsg, to, &message, MSG_NOSIGNAL) < 0)
		failed("cannot hand out the filter's descriptor: %m");
	close(fd);
	close(to);
	close(door); /* init's copy of the launcher's end */
}

/* Nothing arrives if init refused before it had a filter. */
static void take_listener(void)
{
	union parcel parcel = {0};
	char byte;
	struct iovec letter = {&byte, 1};
	struct msghdr message = {
		.msg_iov = &letter, .msg_iovlen = 1, .msg_control = &parcel, .msg_controllen = sizeof parcel};
	const long got = syscall(SYS_recvmsg, door, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got == 1 && message.msg_controllen >= CMSG_LEN(sizeof(int)) && parcel.header.cmsg_type == SCM_RIGHTS)
		memcpy(&listener, CMSG_DATA(&parcel.header), sizeof listener);
	close(door);
	door = -1;
	counted_ms = supervise_clock_ms();
}

struct pollfd denials_wants(void)
{
	if (door >= 0)
		return (struct pollfd){.fd = door, .events = POLLIN};
	return (struct pollfd){.fd = ration > 0 ? listener : -1, .events = POLLIN};
}

int64_t denials_deadline_ms(void)
{
	if (listener < 0 || ration > 0)
		return 0;
	const int64_t now = supervise_clock_ms();
	if (now > counted_ms) {
		ration += (now - counted_ms) * PER_MS;
		counted_ms = now;
	}
	return ration > 0 ? now : now + 1;
}

/* What is decided here is decided by the plain filter; the rest is telling. */
static void consider(const struct seccomp_notif *asked, struct seccomp_notif_resp *said)
{
	const uint32_t answer = seccomp_answer(spec, &asked->data);
	const struct call_path *at = calls_path(asked->data.nr);
	char path[SIGHT_PATH_MAX] = "";

	*said = (struct seccomp_notif_resp){.id = asked->id};
	if (answer == SECCOMP_RET_ALLOW) {
		said->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		const int error = at && wants(spec, LAYER_MOUNT_NAMESPACE) ? sight_look(asked, at, path) : 0;
		/* Its pid, by which the path was read, may have become another's meanwhile. */
		if (error != 0 && ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, (void *)&asked->id) == 0)
			denial_list_add(asked->data.nr, error, path);
		return;
	}
	const bool errs = (answer & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
	const int error = errs ? (int)(answer & SECCOMP_RET_DATA) : EPERM;
	said->error = -error;
	if (at)
		sight_read(asked, at, path);
	denial_list_add(asked->data.nr, error, path);
}

static void answer_some(void)
{
	for (int i = 0; i < AT_ONCE && ration > 0; i++) {
		struct pollfd waiting = {.fd = listener, .events = POLLIN};
		/* Receiving waits when nobody asks, so it is never tried on suspicion. The launcher is the only one to receive. */
		if (poll(&waiting, 1, 0) != 1 || !(waiting.revents & POLLIN)) {
			if (waiting.revents & POLLHUP) {
				close(listener);
				listener = -1;
			}
			return;
		}
		ration--;
		memset(&request, 0, sizeof request);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
			continue; /* ENOENT: who asked is dead */
		memset(&response, 0, sizeof response);
		consider(&request.asked, &response.said);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0)
			continue; /* the same */
	}
}

void denials_answer(short events, bool started)
{
	if (events != 0 && door >= 0)
		take_listener();
	else if (events != 0)
		answer_some();
	if (started && listener >= 0)
		denial_list_tell();
}

void denials_end(void)
{
	if (!spec || !spec->report_denials)
		return;
	if (listener >= 0)
		close(listener);
	listener = -1;
	sight_end();
	denial_list_end(spec->report_file != NULL);
}
