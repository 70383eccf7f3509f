/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/witness.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

/* What is not among the last entries is looked for in the file, and no more often: any node can ask for it. */
#define PASS_NS (10 * WEIR_NS_PER_S)
#define RECENT_ENTRIES 4000
/* A head is a hundred bytes: with each acknowledgement it would be a tenth of the telemetry. */
#define AGAIN_NS (20 * WEIR_NS_PER_S)

struct witness {
	struct service *sv;
	uint64_t passed_ns;
	struct weir_key *key;
	uint8_t pub[WEIR_KEY_LEN];
	uint64_t highest, now_ns; /* highest: sequence in the database */
	char alarm[256];
};

void witness_free(struct witness *w)
{
	if (!w)
		return;
	weir_key_free(w->key);
	free(w);
}

static void witness_freep(struct witness **w)
{
	witness_free(*w);
}

/* The public key is for who verifies heads elsewhere. */
static int make_key(const char *path, struct weir_key **ret, struct weir_err *err)
{
	weir_auto_free char *pub = weir_strf("%s.pub", path);
	uint8_t public[WEIR_KEY_LEN];
	char text[56], line[64];
	int r = pub ? weir_key_new(ret) : -ENOMEM;

	if (!r)
		r = weir_key_public(*ret, public);
	if (!r)
		r = weir_key_save(*ret, path, err);
	if (!r) {
		snprintf(line, sizeof(line), "%s\n", weir_pub_text(public, text));
		r = weir_file_write(pub, line, strlen(line), 0644);
	}
	if (r)
		return weir_err_set(err, r, "%s: cannot make the audit log's key: %s", path, strerror(-r));
	weir_log(WEIR_LOG_INFO, "audit: %s is made, its public key is %s", path, weir_pub_text(public, text));
	return 0;
}

static int open_key(struct witness *w, struct weir_err *err)
{
	const struct config *c = &w->sv->config;
	weir_auto_free char *path = *c->audit_key ? strdup(c->audit_key) : weir_strf("%s.key", c->audit_path);
	int r;

	if (!path)
		return -ENOMEM;
	r = access(path, F_OK) ? make_key(path, &w->key, err) : weir_key_load(path, &w->key, err);
	return r ? r : weir_key_public(w->key, w->pub);
}

static void raise_alarm(struct witness *w, const char *node, const struct weir_chain_head *h, const char *what)
{
	char seq[24], have[24];

	if (*w->alarm)
		return;
	snprintf(seq, sizeof(seq), "%" PRIu64, h->seq);
	snprintf(have, sizeof(have), "%" PRIu64, audit_count(w->sv->audit));
	snprintf(w->alarm, sizeof(w->alarm), "node %s has seen entry %s: %s; compare weirctl audit verify --witnessed",
		 node, seq, what);
	weir_log(WEIR_LOG_ERR, "audit: ALARM: %s", w->alarm);
	service_audited(audit_add(w->sv->audit, w->now_ns, "audit-alarm", "node", node, "witnessed", seq, "entries",
				  have, "what", what, NULL));
}

/* 0 when the log holds it. */
static int check(struct witness *w, const char *node, const struct weir_chain_head *h)
{
	int r;

	if (weir_chain_head_verify(h, w->pub)) {
		raise_alarm(w, node, h, "it is signed by another key than this log's: the log or its key was exchanged");
		return -EBADMSG;
	}
	r = audit_holds(w->sv->audit, h);
	if (r == -ENODATA)
		raise_alarm(w, node, h, "the log ends before it: entries were cut off");
	else if (r == -EBADMSG)
		raise_alarm(w, node, h, "the log holds another one there: it was cut or exchanged");
	else if (r)
		weir_log_err(r, "audit: cannot compare what node %s has seen", node);
	return r;
}

static int check_stored(const char *node, const struct weir_chain_head *h, void *arg)
{
	struct witness *w = arg;

	w->highest = WEIR_MAX(w->highest, h->seq);
	(void)check(w, node, h);
	return 0;
}

int witness_new(struct service *sv, struct witness **ret, struct weir_err *err)
{
	weir_cleanup(witness_freep) struct witness *w = calloc(1, sizeof(*w));
	int r = w ? 0 : -ENOMEM;

	if (!r) {
		w->sv = sv;
		w->now_ns = sv->started_ns;
		r = open_key(w, err);
	}
	if (!r)
		r = query_witnesses(sv->store, check_stored, w);
	if (r)
		return r;
	*ret = weir_take_ptr(w);
	return 0;
}

void witness_head(struct witness *w, struct weir_chain_head *ret)
{
	if (audit_head(w->sv->audit, w->key, ret))
		ret->seq = 0;
}

bool witness_due(const struct witness *w, struct session *s, uint64_t now_ns)
{
	uint64_t seq = audit_count(w->sv->audit);

	if (s->head_seq == seq && now_ns >= s->head_ns && now_ns < s->head_ns + AGAIN_NS)
		return false;
	s->head_seq = seq;
	s->head_ns = now_ns;
	return true;
}

void witness_take(struct witness *w, const char *node, const struct weir_chain_head *h, uint64_t now_ns)
{
	w->now_ns = now_ns;
	if (!h->seq)
		return;
	if (h->seq + RECENT_ENTRIES < audit_count(w->sv->audit)) {
		if (now_ns < w->passed_ns + PASS_NS && now_ns >= w->passed_ns)
			return;
		w->passed_ns = now_ns;
	}
	if (check(w, node, h) || h->seq <= w->highest)
		return;
	if (store_witness(w->sv->store, node, h))
		weir_log(WEIR_LOG_ERR, "store: witness %s: %s", node, store_error(w->sv->store));
	else
		w->highest = h->seq;
}

const char *witness_alarm(const struct witness *w)
{
	return w->alarm;
}
