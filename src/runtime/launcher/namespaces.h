/* The namespaces of a run: which are made with its first process, and what is put right inside them. */
#ifndef NAMESPACES_H
#define NAMESPACES_H

#include "spec.h"

/* Launcher, early: begins to make the network namespace on another processor (mode root). */
void namespaces_begin(const struct spec *spec);
/* In a new network namespace: 127.0.0.1 and ::1 answer. False, and errno: they do not. */
bool namespaces_raise_loopback(void);
/* Clones init into all namespaces and into the v2 leaf. Returns its pid (0 in the child) and a pidfd. */
int namespaces_clone(const struct spec *spec, int cgroup, int *pidfd);
/* Init: host name, loopback, and a cgroup namespace whose root is the leaf it has joined. */
void namespaces_settle(const struct spec *spec);

#endif
