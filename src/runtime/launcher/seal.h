/* The seal: what the kernel says about every entry of an installed tree, for comparison with the installation. */
#ifndef SEAL_H
#define SEAL_H

/* Walks `folder`, prints the records of SPEC.md to stdout, returns the exit status. */
int seal(const char *folder);

#endif
