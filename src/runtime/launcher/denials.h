/*
 * report-denials: tells authors what their plugin was refused and which paths it missed. The filter then asks the
 * launcher (seccomp user notification) where it would have answered by itself, and the launcher answers the same.
 *
 * Advisory. Whatever the launcher reads of the plugin may be another thing a moment later, so nothing it reads decides:
 * a refused call is refused by its number and registers, which the kernel hands over as copies, and never goes on; a
 * call that goes on is one the plain filter allows whatever its path. Should the launcher be gone, the kernel answers
 * ENOSYS to all of them.
 */
#ifndef DENIALS_H
#define DENIALS_H

#include <poll.h>

#include "spec.h"

/* Launcher, before the clone. Returns what init hands the filter's descriptor out by; -1 if nothing is reported. */
int denials_open(const struct spec *spec);
/* Init, as long as there is no plugin: afterwards nothing in the sandbox has either descriptor. */
void denials_hand_out(int door, int listener);

/* Launcher: what to wait for, and until when (0: no such moment) if it takes a rest. */
struct pollfd denials_wants(void);
int64_t denials_deadline_ms(void);
/* Answers what is asked, a bounded number at a time. `started`: is it time to journal? Before that init asks too. */
void denials_answer(short events, bool started);
/* The tree is dead: the rest of the counts into the journal, and in form --spec plain sentences to stderr. */
void denials_end(void);

#endif
