#include "title.h"

#include <sys/prctl.h>

#include "refusal.h"
#include "text.h"

/* Inside it is hidden with init itself. */
void title_set(const char *name)
{
	TEXT(title, 16);

	text_print(&title, "bulkhead:%s", name);
	if (prctl(PR_SET_NAME, title.bytes, 0, 0, 0) < 0)
		failed("cannot set the process title: %m");
}
