/* The probe: each layer tried for real in a throw-away child. */
#ifndef PROBE_H
#define PROBE_H

/* Prints one JSON line per layer to stdout, returns the exit status. */
int probe(void);

#endif
