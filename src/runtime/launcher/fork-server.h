/*
 * Starts launchers for a large process, which would be copied to start each of them. It is that process's child and does
 * what is written to it on descriptor 3:
 *
 *     launch TOKEN STREAMS TITLE    a launcher called TITLE; STREAMS are three of p (a stream) and i (/dev/null)
 *     kill PID                      one that it has started and that has not been waited for
 *
 * and answers there: "ready", once; "begun TOKEN PID" or "failed TOKEN"; "exit PID STATUS" (as of wait4), in this order. The
 * streams come as connections to the socket PATH, each with the line "TOKEN DESCRIPTOR" before all else. Each launcher is executed anew, so that nothing
 * of this process is in it; and there is none for a host that has less rights than when this was started.
 */
#ifndef FORK_SERVER_H
#define FORK_SERVER_H

/* Until descriptor 3 ends. */
int fork_server(const char *path);

#endif
