/* What the launcher remembers of a run while it goes on; shared by those who supervise it and no one else. */
#ifndef STATE_H
#define STATE_H

#include "cgroup.h"
#include "pump.h"
#include "stall.h"
#include "supervise.h"

/* Times are CLOCK_MONOTONIC; 0 means "not set". */
struct state {
	struct run *run;
	struct ending *ending;
	struct pump pumps[3];
	bool told;       /* that it is held */
	bool started;    /* the payload runs, or ran */
	bool ended;      /* the payload's status is known */
	bool init_dead;
	bool killed;     /* by us */
	int status;      /* of the payload, as wait4 gives it */
	enum limit limit;
	int64_t last_byte_ms;
	int64_t kill_at_ms;  /* after a SIGTERM */
	int64_t drain_until_ms;
	uint64_t output_left;
	struct refusal refusal;
	bool refused;
	struct cgroup_usage usage;
	struct stall stall;
};

#endif
