/*
 * Decisions of relay and dialer, told once each: in the journal, and as a sentence to the plugin's log when something was
 * refused. A plugin can have as many refused as it likes, so equal ones are counted, and there is an end to different ones.
 */
#ifndef RELAY_DECISIONS_H
#define RELAY_DECISIONS_H

#include "messages.h"

/* False: so many came that whoever sends them cannot mean well. */
bool decisions_take(const struct decision *decision);
/* Tells what was only counted so far. */
void decisions_end(void);

#endif
