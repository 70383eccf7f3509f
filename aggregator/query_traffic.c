/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/query_traffic.h"

#include "aggregator/select.h"

#include <inttypes.h>

#define HOUR_S 3600u
/* What verdicts let pass: not WEIR_V_DENY, WEIR_V_LIMITED. */
#define PASSED "verdict NOT IN (2,3)"
#define BEHIND "bucket>=? AND bucket<? AND (" FLOW_KEY ")>(?,?,?,?,?,?,?,?,?,?,?) AND " PASSED
/* Of whole hours, one search; of those that are being filled, all that is there of them. */
#define FOLDED "SELECT " FLOW_KEY ",bytes,packets FROM flow_1h WHERE " BEHIND " ORDER BY " FLOW_KEY " LIMIT ?"
#define FILLING                                                                                             \
	"SELECT " FLOW_KEY ",SUM(bytes) AS bytes,SUM(packets) AS packets FROM flow_hours WHERE " BEHIND          \
	" GROUP BY " FLOW_KEY " ORDER BY " FLOW_KEY " LIMIT ?"
/* Who held the peer's address last in the hour. */
#define HOLDER                                                                                     \
	"(SELECT h.workload FROM holder h WHERE h.address=f.peer AND h.since<f.bucket+3600 AND "         \
	"(h.until IS NULL OR h.until>f.bucket) ORDER BY h.since DESC LIMIT 1)"
#define ROWS_OF(from)                                                                              \
	"SELECT f.bucket,f.node,f.workload,f.local,f.peer,f.path,f.proto,f.port,f.opened,f.dir,f.verdict,"  \
	"f.bytes,f.packets,n.name,w.domain,w.namespace,w.name,w.kind,w.team,w.labels,la.address,pa.address," \
	"hw.namespace,hw.name,hw.team FROM (" from ") f JOIN node n ON n.id=f.node "                        \
	"JOIN workload w ON w.id=f.workload JOIN address la ON la.id=f.local JOIN address pa ON pa.id=f.peer " \
	"LEFT JOIN workload hw ON hw.id=" HOLDER " ORDER BY 1,2,3,4,5,6,7,8,9,10,11"

char *query_traffic_key_text(const struct query_traffic_key *k, char buf[QUERY_TRAFFIC_KEY_TEXT])
{
	size_t used = 0;

	for (size_t i = 0; i < QUERY_TRAFFIC_KEY; i++)
		used += (size_t)snprintf(buf + used, QUERY_TRAFFIC_KEY_TEXT - used, "%s%" PRId64, i ? "." : "", k->n[i]);
	return buf;
}

int query_traffic_key_parse(const char *s, struct query_traffic_key *ret)
{
	struct query_traffic_key k;

	for (size_t i = 0; i < QUERY_TRAFFIC_KEY; i++) {
		char *end;

		errno = 0;
		k.n[i] = *s >= '0' && *s <= '9' ? strtoll(s, &end, 10) : -1;
		if (k.n[i] < 0 || errno || *end != (i + 1 < QUERY_TRAFFIC_KEY ? '.' : '\0'))
			return -EINVAL;
		s = end + 1;
	}
	*ret = k;
	return 0;
}

static void read_row(const struct select *q, struct weir_traffic *t)
{
	bool local, peer;

	*t = (struct weir_traffic){
		.hour_s = select_number(q, 0), .path = (enum weir_path)select_number(q, 5),
		.proto = (uint8_t)select_number(q, 6), .port = (uint16_t)select_number(q, 7),
		.opened = select_number(q, 8) != 0, .dir = (uint8_t)select_number(q, 9),
		.bytes = select_number(q, 11), .packets = select_number(q, 12), .source = WEIR_TRAFFIC_AGENT,
		.node = select_text(q, 13), .domain = select_text(q, 14), .namespace = select_text(q, 15),
		.workload = select_text(q, 16), .kind = select_text(q, 17), .team = select_text(q, 18),
		.labels = select_text(q, 19), .peer_namespace = select_text(q, 22), .peer_workload = select_text(q, 23),
		.peer_team = select_text(q, 24),
	};
	local = select_address(q, 20, &t->local);
	peer = select_address(q, 21, &t->peer);
	t->folded = !local || !peer;
}

struct page {
	struct store *s;
	uint32_t left;
	struct query_traffic_key last; /* read so far */
	bool any;
	int (*fn)(const struct weir_traffic *t, void *arg);
	void *arg;
};

static int read_page(struct page *p, const char *sql, uint64_t from_s, uint64_t to_s)
{
	auto_select struct select q = {.s = p->s};
	const int64_t *n = p->last.n;
	int r;

	if (from_s >= to_s || !p->left)
		return 0;
	r = select_begin(&q, sql, "uuiiiiiiiiiiii", from_s, to_s, n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8],
			 n[9], n[10], (int64_t)p->left);
	while (!r && (r = select_next(&q)) == 1) {
		struct weir_traffic t;

		read_row(&q, &t);
		r = p->fn(&t, p->arg);
		for (int i = 0; !r && i < QUERY_TRAFFIC_KEY; i++)
			p->last.n[i] = sqlite3_column_int64(q.st, i);
		p->any = true;
		p->left -= !r;
	}
	return r;
}

int query_traffic(struct store *s, uint64_t from_s, uint64_t to_s, const struct query_traffic_key *after, uint32_t limit,
		  int (*fn)(const struct weir_traffic *t, void *arg), void *arg, struct query_traffic_key *ret_last,
		  uint32_t *ret_count)
{
	struct page p = {.s = s, .left = limit, .last = {.n = {-1}}, .fn = fn, .arg = arg};
	uint64_t whole_s = s->folded_s[STORE_FLOW][STORE_1H];
	int r;

	from_s -= from_s % HOUR_S;
	to_s = (WEIR_MIN(to_s, (uint64_t)INT64_MAX - HOUR_S) + HOUR_S - 1) / HOUR_S * HOUR_S;
	whole_s -= whole_s % HOUR_S;
	if (after) {
		p.last = *after;
		from_s = WEIR_MAX(from_s, (uint64_t)after->n[0]);
	}
	r = read_page(&p, ROWS_OF(FOLDED), from_s, WEIR_MIN(to_s, whole_s));
	if (!r)
		r = read_page(&p, ROWS_OF(FILLING), WEIR_MAX(from_s, whole_s), to_s);
	if (r)
		return r;
	if (p.any)
		*ret_last = p.last;
	*ret_count = limit - p.left;
	return 0;
}
