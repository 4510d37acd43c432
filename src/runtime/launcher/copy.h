/* `--copy`: what a plugin keeps, as it is, into a place that is not there yet. `--exchange`: two paths, at once. */
#ifndef COPY_H
#define COPY_H

/* FROM INTO BYTES, then nothing, `--as UID GID` or `--frozen MOUNT`. */
int copy(int argc, char **argv);
int exchange(const char *one, const char *other);

#endif
