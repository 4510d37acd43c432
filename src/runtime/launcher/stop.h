/* `--stop PID START GRACE_MS`: ends a run through its launcher, whoever started that, and waits until it is gone. */
#ifndef STOP_H
#define STOP_H

int stop(const char *pid, const char *start, const char *grace_ms);

#endif
