#include "decisions.h"

#include <string.h>

#include "../journal.h"
#include "../log.h"
#include "channel.h"

enum {
	KEPT = 128,             /* told apart at one time */
	LINES_MAX = 1024,       /* a quarter of the journal */
	DECISIONS_MAX = 10000000,
	AGAIN_MS = 10000,       /* a decision that is made over and over is told this often, with how often it was */
};

static struct kept {
	struct decision decision; /* its count: not told yet */
	int64_t told_ms;
} kept[KEPT];
static unsigned next_place, lines, taken;
static uint32_t untold[2]; /* denied, allowed */

static const char *const sentences[] = {
#define X(symbol, words) [REASON_##symbol] = words,
	REASONS(X)
#undef X
};

static const char *const reaches[] = {
#define X(symbol, words) [REACH_##symbol] = "it is " words,
	REACHES(X)
#undef X
};

static const char *sentence_of(unsigned reason)
{
	if (reason < REASON_REACH)
		return sentences[reason];
	reason -= REASON_REACH;
	return reason < sizeof reaches / sizeof reaches[0] ? reaches[reason] : reaches[REACH_RESERVED];
}

/* "*": it is about no one destination. */
static const char *destination_of(const struct decision *decision, const char *address)
{
	return decision->name[0] ? decision->name : decision->has_address ? address : "*";
}

/*
 * To the author, in the plugin's log: a connection that is refused looks to a program like a host that is down, and one to
 * a name that does not exist, or does not answer, like a connection that was made and broke.
 */
static void explain(const struct decision *decision, const char *address, const char *reason)
{
	TEXT(sentence, 512);
	const char *where = destination_of(decision, address);
	const bool is_v6 = strchr(where, ':') != NULL;

	text_print(&sentence, "%s %s%s%s", decision->allowed ? "cannot reach" : "cannot let it reach", is_v6 ? "[" : "",
		   where, is_v6 ? "]" : "");
	if (decision->port != 0)
		text_print(&sentence, ":%u", (unsigned)decision->port);
	text_print(&sentence, ": %s", reason);
	log_note(sentence.bytes);
}

static void write_line(const struct decision *decision, uint32_t count)
{
	TEXT(line, JOURNAL_LINE_MAX);
	TEXT(address, 48);
	const char *reason = sentence_of(decision->reason);

	if (decision->has_address)
		address_print(&address, &decision->address);
	journal_begin(&line, "network");
	text_add(&line, decision->allowed ? ",\"verdict\":\"allowed\",\"name\":" : ",\"verdict\":\"denied\",\"name\":");
	text_json(&line, destination_of(decision, address.bytes));
	text_add(&line, ",\"port\":");
	text_number(&line, decision->port);
	text_add(&line, ",\"address\":");
	if (decision->has_address)
		text_json(&line, address.bytes);
	else
		text_add(&line, "null");
	text_add(&line, ",\"reason\":");
	if (reason)
		text_json(&line, reason);
	else
		text_add(&line, "null");
	text_add(&line, ",\"count\":");
	text_number(&line, count);
	journal_end(&line);
	if (reason)
		explain(decision, address.bytes, reason);
}

static void tell(struct kept *one, int64_t now)
{
	if (one->decision.count == 0)
		return;
	if (lines++ < LINES_MAX)
		write_line(&one->decision, one->decision.count);
	else
		untold[one->decision.allowed] += one->decision.count;
	one->decision.count = 0;
	one->told_ms = now;
}

static struct kept *place_of(const struct decision *decision, int64_t now)
{
	for (int i = 0; i < KEPT; i++)
		if (kept[i].told_ms != 0 && decision_is(&kept[i].decision, decision))
			return &kept[i];
	struct kept *place = &kept[next_place++ % KEPT];
	tell(place, now);
	*place = (struct kept){.decision = *decision};
	place->decision.count = 0;
	return place;
}

/*
 * A name that was asked for is any bytes that its author likes. As JSON writes them, two hundred of them would not fit a
 * line of the journal, and an attempt that is in no journal was made in secret; in the log they would be sent to terminals.
 */
static void make_plain(char *name)
{
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == '"' || *name == '\\')
			*name = '?';
}

bool decisions_take(const struct decision *given)
{
	struct decision decision = *given;
	const int64_t now = channel_clock_ms();

	decision.name[NAME_BYTES - 1] = '\0';
	make_plain(decision.name);
	decision.allowed = decision.allowed != 0; /* it is an index below */
	decision.has_address = decision.has_address != 0;
	if (!decision.has_address)
		decision.address = (struct address){{0}};
	struct kept *one = place_of(&decision, now);
	one->decision.count += decision.count;
	if (one->told_ms == 0 || now - one->told_ms >= AGAIN_MS)
		tell(one, now);
	return ++taken < DECISIONS_MAX;
}

void decisions_end(void)
{
	const int64_t now = channel_clock_ms();

	for (int i = 0; i < KEPT; i++)
		tell(&kept[i], now);
	for (int allowed = 0; allowed < 2; allowed++) {
		const struct decision others = {.allowed = allowed == 1, .reason = REASON_UNTOLD};
		if (untold[allowed] > 0)
			write_line(&others, untold[allowed]);
	}
}
