/* The report: one JSON object a line, to fd 4 or into files by rename. */
#ifndef REPORT_H
#define REPORT_H

#include <stdint.h>

#include "refusal.h"
#include "spec.h"

enum outcome { EXITED, SIGNALLED, LIMITED, REFUSED };
enum limit { LIMIT_NONE, LIMIT_MEMORY, LIMIT_WALL_TIME, LIMIT_IDLE, LIMIT_OUTPUT, LIMIT_FILE_SIZE, LIMIT_PROCESSES };
enum met { MET_PROCESSES = 1, MET_TMP = 2, MET_CPU = 4, MET_DATA = 8, MET_MEMORY = 16, MET_CONNECTIONS = 32, MET_NETWORK = 64 };

struct ending {
	enum outcome outcome;
	int code;
	int signal;
	enum limit limit;
	const struct refusal *refusal; /* REFUSED */
	char reason[512];              /* LIMITED: one sentence, "cannot …" */
	unsigned met;
	/* -1: the kernel did not say */
	int64_t wall_ms, cpu_ms, memory_peak_bytes, processes_peak, io_read_bytes, io_write_bytes;
	int64_t output_bytes, tmp_bytes, data_bytes, files_peak, network_bytes;
};

/* Where lines go: fd 4, or (form --spec, fd -1) the specification's report-file. */
void report_open(const struct spec *spec, int fd);
/* Everything is ready, and nothing runs yet. */
void report_held(void);
void report_started(int pid, int64_t at_ms, int landlock_abi);
/* Form --spec: also one sentence on stderr, if the program was refused or limited. */
void report_ended(const struct ending *ending);
/* The exit status that says the same. */
int report_exit_status(const struct ending *ending);

#endif
