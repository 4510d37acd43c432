/* What numbers of the kernel are called, for people and for reports. */
#ifndef NAMES_H
#define NAMES_H

const char *errno_name(int number);     /* "EPERM"; "" if it has none here */
const char *errno_sentence(int number); /* "Operation not permitted" */
const char *signal_name(int number);    /* "SIGTERM"; NULL for real-time signals */

#endif
