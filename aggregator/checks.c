/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/checks.h"

#include "aggregator/text.h"
#include "lib/ds/map.h"

#include <inttypes.h>

#define NS_S 1000000000ull
#define DAY_S 86400ull
/* A lag is a few windows and the time for which the aggregator may be busy. */
#define LAG_NS (30 * NS_S)
/* A loss is final: it is shown for a day. */
#define LOSS_S DAY_S
/* Both sides of an interface are read one after the other: meanwhile so much may pass. */
#define BETWEEN_READS_MS 20
#define SKEW_NS NS_S
#define FILL_PERCENT 80
#define CERT_S (14 * DAY_S)
/* Little is what is little of the disk, and little besides. */
#define FREE_PERCENT 5
#define FREE_BYTES (4ull << 30)
#define UNKNOWN_PERCENT 1
/* A Prometheus that restarts is no problem; nor is a run of models that the next makes good. */
#define SIGNALS_HOLD_S 600
#define MODELS_HOLD_S 120
/* Between two looks, so that a rate means something. */
#define RATE_S 4

struct memory {
	uint64_t since_ns, round;
	uint64_t bytes, at_ns, rate; /* of a node: what it had counted, when, and bytes a second up to then */
};

struct checks {
	struct weir_map *memory; /* check, 0, node -> struct memory */
	uint64_t round;
};

enum unit { PLAIN, DURATION, BYTES, PERCENT, TEXT };

/* One node, or the aggregator (a NULL). */
struct looked {
	const struct checks_input *in;
	const struct fleet_agent *a;
	uint64_t now_ns;
	uint64_t since_ns;  /* a check may know it; 0 = when it was first noticed */
	uint64_t rate;	    /* bytes a second of the node */
	const char *text;   /* of unit TEXT */
};

/* 0 = well, else how much of it. */
static uint64_t silent(struct looked *l)
{
	l->since_ns = l->a->facts.last_seen_ns;
	return l->a->expected && !l->a->facts.connected;
}

static uint64_t lag(struct looked *l)
{
	l->since_ns = l->a->window_end_ns;
	return l->a->facts.connected && l->a->facts.lag_ns > LAG_NS ? l->a->facts.lag_ns : 0;
}

static uint64_t loss(struct looked *l)
{
	uint64_t lost = l->a->facts.lost_bytes > 0 ? (uint64_t)l->a->facts.lost_bytes : 0;

	l->since_ns = l->a->lost_s * NS_S;
	return l->a->lost_s + LOSS_S > l->now_ns / NS_S ? lost : 0;
}

static uint64_t unexplained(struct looked *l)
{
	uint64_t may_be = l->rate / 1000 * BETWEEN_READS_MS;

	return l->a->facts.connected && l->a->unexplained_bytes > may_be ? l->a->unexplained_bytes : 0;
}

static uint64_t refused(struct looked *l)
{
	l->text = l->a->refused_reason;
	return l->a->facts.refused_serial > l->a->facts.serial ? l->a->facts.refused_serial : 0;
}

static uint64_t undone(struct looked *l)
{
	l->since_ns = l->a->undone_ns;
	l->text = text_undo(l->a->undone_why);
	return fleet_took_back(l->a);
}

static uint64_t version(struct looked *l)
{
	l->text = l->a->refused_text;
	return !strcmp(l->a->refused_reason, "version");
}

static uint64_t serials(struct looked *l)
{
	return l->a->facts.connected && l->a->facts.wanted_serial != l->a->facts.serial;
}

static uint64_t lease(struct looked *l)
{
	l->since_ns = l->a->facts.lease_until_ns;
	return l->a->facts.lease_until_ns && l->a->facts.lease_until_ns < l->now_ns && l->a->expected;
}

static uint64_t clock_off(struct looked *l)
{
	const struct weir_facts *f = &l->a->facts;
	uint64_t off = f->skew_ns < 0 ? -(uint64_t)f->skew_ns : (uint64_t)f->skew_ns;

	return f->connected && f->skew_error_ns && off > SKEW_NS + f->skew_error_ns ? off : 0;
}

static uint64_t full(uint64_t used, uint64_t max)
{
	uint64_t percent = max ? (uint64_t)((double)used * 100 / (double)max) : 0;

	return percent >= FILL_PERCENT ? percent : 0;
}

static uint64_t spool(struct looked *l)
{
	return full(l->a->facts.spool_bytes, l->a->facts.spool_max);
}

static uint64_t table_full(struct looked *l)
{
	return full(l->a->facts.flow_rows_used, l->a->facts.flow_rows);
}

static uint64_t ends_soon(struct looked *l, uint64_t until_s)
{
	uint64_t now_s = l->now_ns / NS_S;

	if (!until_s || until_s > now_s + CERT_S)
		return 0;
	return until_s > now_s ? (until_s - now_s) * NS_S : 1;
}

static uint64_t server_cert(struct looked *l)
{
	return ends_soon(l, l->in->cert_until_s);
}

static uint64_t cert(struct looked *l)
{
	return l->a->expected ? ends_soon(l, l->a->facts.cert_expires_s) : 0;
}

static uint64_t keys(struct looked *l)
{
	return l->a->keys_broken;
}

static uint64_t server_keys(struct looked *l)
{
	return l->in->keys_broken;
}

static uint64_t shut_out(struct looked *l)
{
	l->text = l->a->session_refused;
	return l->a->expected && *l->a->session_refused;
}

static uint64_t audit(struct looked *l)
{
	l->text = l->in->audit_alarm;
	return *l->in->audit_alarm != 0;
}

static uint64_t signal_fails(struct looked *l)
{
	l->text = l->in->failing_signals;
	return *l->in->failing_signals != 0;
}

static uint64_t models_fail(struct looked *l)
{
	return l->in->models_fail;
}

static uint64_t webhook(struct looked *l)
{
	l->text = l->in->deaf_webhooks;
	return *l->in->deaf_webhooks != 0;
}

static uint64_t rejected(struct looked *l)
{
	l->text = l->in->policy_error;
	return l->in->policy_state == GITOPS_REJECTED || l->in->policy_state == GITOPS_EMPTY;
}

static uint64_t unapproved(struct looked *l)
{
	l->text = l->in->policy_error;
	return l->in->policy_state == GITOPS_UNAPPROVED;
}

static uint64_t unpriced(struct looked *l)
{
	l->text = l->in->unpriced_paths;
	return l->in->unpriced_bytes > 0;
}

static uint64_t unknown(struct looked *l)
{
	uint64_t all = l->in->unpriced_bytes + l->in->unknown_bytes + l->in->priced_bytes;

	return l->in->unknown_bytes > all / 100 * UNKNOWN_PERCENT ? l->in->unknown_bytes : 0;
}

static uint64_t store(struct looked *l)
{
	l->since_ns = l->in->good_ns;
	return l->in->failed_ns > l->in->good_ns;
}

static uint64_t disk(struct looked *l)
{
	uint64_t free_bytes = l->in->free_bytes;

	return l->in->size_bytes && free_bytes < FREE_BYTES && free_bytes < l->in->size_bytes / 100 * FREE_PERCENT ?
		       WEIR_MAX(free_bytes, 1u) : 0;
}

static const struct check {
	const char *name, *what; /* with one %s for the amount, unless PLAIN */
	enum unit unit;
	bool fleet;	/* asked for each node */
	uint64_t hold_s; /* it must last so long to be a problem */
	uint64_t (*amount)(struct looked *l);
	const char *remedy;
} table[] = {
	{"store", "the store takes no summaries", PLAIN, false, 0, store,
	 "journalctl -u weir-aggregator; df; agents keep all until it does"},
	{"disk", "%s left on the store's disk", BYTES, false, 0, disk, "lower store.retain_10s and restart, or a larger disk"},
	{"silent", "agent not seen", PLAIN, true, 0, silent,
	 "on the node: systemctl status weir-agent; if it is gone for good: remove its key from nodes.dir"},
	{"lag", "behind by up to %s", DURATION, true, 0, lag, "weirctl agents NODE; on the node: journalctl -u weir-agent"},
	{"loss", "%s counted and lost", BYTES, true, 0, loss,
	 "weirctl agents NODE; a state directory or this store was replaced; shown for a day"},
	{"unexplained", "%s of interfaces unexplained", BYTES, true, 60, unexplained,
	 "weirctl agents --identity shows interface and terms; weirctl agents --drops"},
	{"version", "agent refused: %s", TEXT, true, 0, version, "install the aggregator's version of weir there"},
	{"refused", "bundle refused: %s", TEXT, true, 0, refused, "weirctl policy status"},
	{"undone", "a bundle was taken back: %s", TEXT, true, 0, undone,
	 "weirctl agents; weirctl audit; then approve what is right with a higher serial"},
	{"serial", "another bundle in force than is served", PLAIN, true, 30, serials, "weirctl policy status"},
	{"lease", "lease over: nothing is enforced", PLAIN, true, 0, lease, "on the node: systemctl restart weir-agent"},
	{"clock", "clock off by up to %s", DURATION, true, 0, clock_off, "on the node: timedatectl; chronyc tracking"},
	{"spool", "spool filled to %s", PERCENT, true, 0, spool,
	 "see why the node lags, or raise its spool.max; when full, detail is folded"},
	{"table", "flow table filled to %s", PERCENT, true, 10, table_full,
	 "raise bpf.flow_rows of the node, then weir-agent --detach; flows beyond it are folded"},
	{"session", "refused: %s", TEXT, true, 0, shut_out, "compare its identity.key with its file in nodes.dir"},
	{"certificate", "certificate ends in %s", DURATION, true, 0, cert, "weirctl pki rotate --dir D NODE; copy it to the node"},
	{"keys", "files of keys cannot be used", PLAIN, true, 0, keys, "on the node: journalctl -u weir-agent"},
	{"server-keys", "this server's files of keys cannot be used", PLAIN, false, 0, server_keys,
	 "journalctl -u weir-aggregator"},
	{"audit", "audit log: %s", TEXT, false, 0, audit, "weirctl audit verify FILE"},
	{"webhook", "alerts are not taken by: %s", TEXT, false, 0, webhook,
	 "journalctl -u weir-aggregator says why; notify.webhooks of aggregator.yaml"},
	{"signals", "signals do not come from: %s", TEXT, false, SIGNALS_HOLD_S, signal_fails, "weirctl signals says why"},
	{"models", "models cannot look at what comes", PLAIN, false, MODELS_HOLD_S, models_fail, "journalctl -u weir-aggregator"},
	{"server-certificate", "this server's certificate ends in %s", DURATION, false, 0, server_cert,
	 "weirctl pki rotate --dir D server"},
	{"rejected", "policy directory does not load: %s", TEXT, false, 0, rejected, "weirctl policy lint DIR"},
	{"unapproved", "policy waits for approval: %s", TEXT, false, 0, unapproved,
	 "weirctl policy sign DIR --key FILE, or revert the commit"},
	{"unpriced", "no price for: %s", TEXT, false, 0, unpriced, "weirctl cost --by path,meter --since 1d; add it to the price book"},
	{"unknown-path", "%s without a known path, of the last day", BYTES, false, 0, unknown,
	 "weirctl flows; add subnets to the topology"},
};
_Static_assert(WEIR_ARRAY_SIZE(table) <= CHECKS_PROBLEMS, "problems");

int checks_new(struct checks **ret)
{
	struct checks *c = calloc(1, sizeof(*c));
	int r = c ? weir_map_new(&c->memory) : -ENOMEM;

	if (r) {
		free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void checks_free(struct checks *c)
{
	if (!c)
		return;
	weir_map_free(c->memory, free);
	free(c);
}

static struct memory *remember(struct checks *c, const char *check, const char *node)
{
	char key[64 + WEIR_NODE_MAX];
	size_t len = (size_t)snprintf(key, sizeof(key), "%s/%s", check, node);
	struct memory *m;

	len = WEIR_MIN(len, sizeof(key) - 1);
	m = weir_map_find(c->memory, key, len);
	if (!m) {
		m = calloc(1, sizeof(*m));
		if (m && weir_map_put(c->memory, key, len, m, NULL)) {
			free(m);
			m = NULL;
		}
	}
	if (m)
		m->round = c->round;
	return m;
}

/* What was not found in this round is forgotten: it begins anew when it comes again. */
static void forget(struct checks *c)
{
	const void *key;
	size_t len, pos = 0;
	void *value;
	char gone[64 + WEIR_NODE_MAX];

	while (weir_map_next(c->memory, &pos, &key, &len, &value)) {
		if (((struct memory *)value)->round == c->round)
			continue;
		memcpy(gone, key, len);
		free(weir_map_take(c->memory, gone, len));
		pos = 0;
	}
}

static void amount_text(enum unit unit, uint64_t n, const char *text, char *buf, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)n;
	size_t u = 0;

	switch (unit) {
	case PLAIN:
		*buf = '\0';
		break;
	case TEXT:
		snprintf(buf, size, "%s", text ? text : "");
		break;
	case DURATION:
		if (n < 60 * NS_S)
			snprintf(buf, size, "%.1fs", v / NS_S);
		else if (n < 2 * DAY_S * NS_S)
			snprintf(buf, size, "%llum", n / NS_S / 60);
		else
			snprintf(buf, size, "%llu days", n / NS_S / DAY_S);
		break;
	case BYTES:
		for (; v >= 1024 && u + 1 < WEIR_ARRAY_SIZE(units); u++)
			v /= 1024;
		snprintf(buf, size, u ? "%.1f %s" : "%.0f %s", v, units[u]);
		break;
	case PERCENT:
		snprintf(buf, size, "%" PRIu64 " %%", n);
		break;
	}
}

static void describe(const struct check *row, uint64_t most, const char *text, struct problem *p)
{
	const char *at = strstr(row->what, "%s");
	char amount[CHECKS_TEXT / 2];

	amount_text(row->unit, most, text, amount, sizeof(amount));
	p->check = row->name;
	p->remedy = row->remedy;
	snprintf(p->what, sizeof(p->what), "%.*s%s%s", at ? (int)(at - row->what) : (int)strlen(row->what),
		 row->what, amount, at ? at + 2 : "");
}

/* True: it is a problem, since *ret_since_ns. */
static bool lasts(struct checks *c, const struct check *row, const struct looked *l, uint64_t *ret_since_ns)
{
	struct memory *m = remember(c, row->name, l->a ? l->a->facts.node : "");

	if (m && !m->since_ns)
		m->since_ns = l->now_ns;
	*ret_since_ns = l->since_ns ? l->since_ns : m ? m->since_ns : l->now_ns;
	return !row->hold_s || (m && m->since_ns + row->hold_s * NS_S <= l->now_ns);
}

static bool run_fleet(struct checks *c, const struct check *row, const struct checks_input *in,
		      const uint64_t *rates, struct problem *p)
{
	uint64_t most = 0, since_ns;
	const char *text = NULL;

	for (size_t i = 0; i < in->fleet->count; i++) {
		struct looked l = {.in = in, .a = &in->fleet->agents[i], .now_ns = in->fleet->now_ns, .rate = rates[i]};
		uint64_t n = row->amount(&l);

		if (!n || !lasts(c, row, &l, &since_ns))
			continue;
		if (p->count < CHECKS_NODES)
			p->nodes[p->count] = l.a->facts.node;
		p->since_ns = p->count++ ? WEIR_MIN(p->since_ns, since_ns) : since_ns;
		text = text ? text : l.text;
		most = WEIR_MAX(most, n);
	}
	if (p->count)
		describe(row, most, text, p);
	return p->count != 0;
}

static bool run_one(struct checks *c, const struct check *row, const struct checks_input *in, struct problem *p)
{
	struct looked l = {.in = in, .now_ns = in->fleet->now_ns};
	uint64_t n = row->amount(&l);

	if (!n || !lasts(c, row, &l, &p->since_ns))
		return false;
	describe(row, n, l.text, p);
	return true;
}

/* Bytes a second of each node, as of its last two looks. */
static void rate(struct checks *c, const struct fleet *f, uint64_t *ret)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct weir_facts *a = &f->agents[i].facts;
		uint64_t bytes = a->bytes[WEIR_INGRESS] + a->bytes[WEIR_EGRESS];
		struct memory *m = remember(c, "rate", a->node);

		if (!m)
			continue;
		if (!m->at_ns || f->now_ns >= m->at_ns + RATE_S * NS_S) {
			m->rate = m->at_ns && bytes > m->bytes ? (bytes - m->bytes) / ((f->now_ns - m->at_ns) / NS_S) : 0;
			m->bytes = bytes;
			m->at_ns = f->now_ns;
		}
		ret[i] = m->rate;
	}
}

int checks_run(struct checks *c, const struct checks_input *in, struct problem *ret, size_t *ret_count)
{
	weir_auto_free uint64_t *rates = calloc(in->fleet->count + 1, sizeof(*rates));
	size_t n = 0;

	if (!rates)
		return -ENOMEM;
	c->round++;
	rate(c, in->fleet, rates);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(table); i++) {
		struct problem p = {0};

		if (table[i].fleet ? run_fleet(c, &table[i], in, rates, &p) : run_one(c, &table[i], in, &p))
			ret[n++] = p;
	}
	*ret_count = n;
	forget(c);
	return 0;
}
