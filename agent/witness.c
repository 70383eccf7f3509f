/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/witness.h"

#include <inttypes.h>

#include "lib/base/log.h"
#include "lib/os/file.h"

struct witness {
	char *path, *before;
	struct weir_chain_head highest;
	bool tells, told;
	bool alarmed; /* said once until the log is ahead again */
};

void witness_free(struct witness *w)
{
	if (!w)
		return;
	free(w->path);
	free(w->before);
	free(w);
}

static void witness_freep(struct witness **w)
{
	witness_free(*w);
}

int witness_open(const char *state_dir, bool tells, struct witness **ret)
{
	weir_cleanup(witness_freep) struct witness *w = calloc(1, sizeof(*w));
	weir_auto_free char *text = NULL;
	size_t len;
	int r;

	if (!w)
		return -ENOMEM;
	w->tells = tells;
	w->path = weir_strf("%s/witness", state_dir);
	w->before = weir_strf("%s/witness.before", state_dir);
	if (!w->path || !w->before)
		return -ENOMEM;
	r = weir_file_read(w->path, WEIR_CHAIN_HEAD_TEXT, &text, &len);
	if (r == 0)
		r = weir_chain_head_parse(text, &w->highest);
	if (r < 0 && r != -ENOENT) {
		(void)rename(w->path, w->before);
		weir_log(WEIR_LOG_ERR, "audit: %s holds no head of an audit log; it is %s now, and begun anew", w->path,
			 w->before);
	}
	*ret = weir_take_ptr(w);
	return 0;
}

static void alarm_once(struct witness *w, const struct weir_chain_head *h)
{
	char text[WEIR_CHAIN_HEAD_TEXT];
	int r;

	if (w->alarmed)
		return;
	w->alarmed = true;
	weir_chain_head_text(&w->highest, text);
	r = weir_file_create(w->before, text, strlen(text), 0600); /* the first one stays */
	if (r && r != -EEXIST)
		weir_log(WEIR_LOG_ERR, "audit: %s: cannot write", w->before);
	weir_log(WEIR_LOG_ERR, "audit: ALARM: the aggregator's audit log is at entry %" PRIu64 ", this node has seen %" PRIu64
			       ": entries were cut off, or it is another log; what was seen is in %s",
		 h->seq, w->highest.seq, w->before);
}

void witness_see(struct witness *w, const struct weir_chain_head *h)
{
	char text[WEIR_CHAIN_HEAD_TEXT];
	int r;

	if (h->seq == w->highest.seq && !memcmp(h->hash, w->highest.hash, sizeof(h->hash)))
		return;
	if (h->seq <= w->highest.seq) {
		alarm_once(w, h);
		return;
	}
	if (w->tells && !w->told && w->highest.seq)
		return;
	weir_chain_head_text(h, text);
	r = weir_file_write(w->path, text, strlen(text), 0600);
	if (r < 0)
		weir_log_err(r, "audit: %s: the head of the audit log is not kept", w->path);
	w->highest = *h;
	w->alarmed = false;
}

void witness_untold(struct witness *w)
{
	w->told = false;
}

void witness_told(struct witness *w)
{
	w->told = true;
}

const struct weir_chain_head *witness_highest(const struct witness *w)
{
	return &w->highest;
}
