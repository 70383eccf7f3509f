/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded traffic as a file: CSV (csv.h), plain or gzip, the columns by name in any order:
 *
 *   hour            2026-11-24T10:00:00Z, the start of an hour
 *   domain          where both addresses mean something: aws/111111111111/vpc-east
 *   local, peer     addresses; an empty peer was not kept (folded), then neither may be local
 *   path            as it was classified then; "" = unknown
 *   direction       egress or ingress, as the workload sees it
 *   protocol        IP protocol number; "" = 0
 *   opened          who opened the connection: local or peer; "" = local
 *   port            service port; "" = 0, not known
 *   bytes, packets  of layer 3; packets may be empty
 *   source          agent or flow-log; "" = agent
 *   node, namespace, workload, kind, team, labels, peer_namespace, peer_workload, peer_team    texts; "" = not known
 *
 * hour, domain, local, direction and bytes must be there; a column of another name is passed over.
 */
#include <inttypes.h>

#include "bpf/abi/weir_abi.h"
#include "lib/base/clock.h"
#include "lib/ds/buf.h"
#include "lib/money/bill.h"
#include "lib/money/csv.h"
#include "lib/money/traffic_impl.h"

static const char *const dirs[] = {[WEIR_INGRESS] = "ingress", [WEIR_EGRESS] = "egress"};
static const char *const openers[] = {"peer", "local"};
static const char *const sources[] = {[WEIR_TRAFFIC_AGENT] = "agent", [WEIR_TRAFFIC_FLOW_LOG] = "flow-log"};

static bool choice(const char *s, const char *const names[2], unsigned int *ret)
{
	for (unsigned int i = 0; i < 2; i++)
		if (!strcmp(s, names[i])) {
			*ret = i;
			return true;
		}
	return false;
}

static bool number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9' && v <= max; s++)
		v = v * 10 + (uint64_t)(*s - '0');
	*ret = v;
	return !*s && v <= max;
}

static const char *read_hour(const char *s, struct weir_traffic *t)
{
	int64_t time_s;

	if (weir_bill_time(s, &time_s) || time_s < 0 || time_s % 3600 || (uint64_t)time_s > WEIR_TRAFFIC_HOUR_MAX)
		return "is not the start of an hour, as 2026-11-24T10:00:00Z";
	t->hour_s = (uint64_t)time_s;
	return NULL;
}

static const char *read_local(const char *s, struct weir_traffic *t)
{
	return *s && weir_addr_parse(s, &t->local) ? "is no address" : NULL;
}

static const char *read_peer(const char *s, struct weir_traffic *t)
{
	t->folded = !*s;
	return *s && weir_addr_parse(s, &t->peer) ? "is no address" : NULL;
}

static const char *read_path(const char *s, struct weir_traffic *t)
{
	return *s && weir_path_parse(s, &t->path) ? "is no path" : NULL;
}

static const char *read_dir(const char *s, struct weir_traffic *t)
{
	unsigned int v;

	if (!choice(s, dirs, &v))
		return "is neither egress nor ingress";
	t->dir = (uint8_t)v;
	return NULL;
}

static const char *read_proto(const char *s, struct weir_traffic *t)
{
	uint64_t v;

	if (!number(s, UINT8_MAX, &v))
		return "is no protocol number, 0 to 255";
	t->proto = (uint8_t)v;
	return NULL;
}

static const char *read_opened(const char *s, struct weir_traffic *t)
{
	unsigned int v = 1;

	if (*s && !choice(s, openers, &v))
		return "is neither local nor peer";
	t->opened = v;
	return NULL;
}

static const char *read_port(const char *s, struct weir_traffic *t)
{
	uint64_t v;

	if (!number(s, UINT16_MAX, &v))
		return "is no port, 0 to 65535";
	t->port = (uint16_t)v;
	return NULL;
}

static const char *read_bytes(const char *s, struct weir_traffic *t)
{
	return !*s || !number(s, WEIR_TRAFFIC_BYTES_MAX, &t->bytes) ? "is no whole number up to 2^56" : NULL;
}

static const char *read_packets(const char *s, struct weir_traffic *t)
{
	return number(s, WEIR_TRAFFIC_BYTES_MAX, &t->packets) ? NULL : "is no whole number up to 2^56";
}

static const char *read_source(const char *s, struct weir_traffic *t)
{
	unsigned int v = WEIR_TRAFFIC_AGENT;

	if (*s && !choice(s, sources, &v))
		return "is neither agent nor flow-log";
	t->source = v;
	return NULL;
}

#define NO_TEXT TRAFFIC_TEXTS
static const struct column {
	const char *name;
	const char *(*read)(const char *s, struct weir_traffic *t); /* NULL: a text; returns what is wrong */
	size_t text;
	bool needed;
} columns[] = { /* in the order of the header */
	{"hour", read_hour, NO_TEXT, true},
	{"domain", NULL, TRAFFIC_DOMAIN, true},
	{"local", read_local, NO_TEXT, true},
	{"peer", read_peer, NO_TEXT, false},
	{"path", read_path, NO_TEXT, false},
	{"direction", read_dir, NO_TEXT, true},
	{"protocol", read_proto, NO_TEXT, false},
	{"opened", read_opened, NO_TEXT, false},
	{"port", read_port, NO_TEXT, false},
	{"bytes", read_bytes, NO_TEXT, true},
	{"packets", read_packets, NO_TEXT, false},
	{"source", read_source, NO_TEXT, false},
	{"node", NULL, TRAFFIC_NODE, false},
	{"namespace", NULL, TRAFFIC_NAMESPACE, false},
	{"workload", NULL, TRAFFIC_WORKLOAD, false},
	{"kind", NULL, TRAFFIC_KIND, false},
	{"team", NULL, TRAFFIC_TEAM, false},
	{"labels", NULL, TRAFFIC_LABELS, false},
	{"peer_namespace", NULL, TRAFFIC_PEER_NAMESPACE, false},
	{"peer_workload", NULL, TRAFFIC_PEER_WORKLOAD, false},
	{"peer_team", NULL, TRAFFIC_PEER_TEAM, false},
};
#define HEADER                                                                                                     \
	"hour,domain,local,peer,path,direction,protocol,opened,port,bytes,packets,source,node,namespace,workload," \
	"kind,team,labels,peer_namespace,peer_workload,peer_team\n"

const char *weir_traffic_header(void)
{
	return HEADER;
}

#define ABSENT SIZE_MAX
#define LOCAL 2 /* its place in columns */
struct reader {
	struct weir_csv *csv;
	size_t place[WEIR_ARRAY_SIZE(columns)]; /* of each column in the file, or ABSENT */
	size_t width;
};

static int read_header(struct reader *f, const char *path, struct weir_err *err)
{
	const struct weir_csv_field *fields;
	int r = weir_csv_next(f->csv, &fields, &f->width, err);

	if (r <= 0)
		return r ? r : weir_err_set(err, -EINVAL, "%s: empty; the first line names the columns", path);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(columns); i++) {
		f->place[i] = ABSENT;
		for (size_t k = 0; k < f->width; k++)
			if (!strcmp(fields[k].text, columns[i].name)) {
				if (f->place[i] != ABSENT)
					return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": column %s stands twice", path,
							    weir_csv_line(f->csv), columns[i].name);
				f->place[i] = k;
			}
		if (f->place[i] == ABSENT && columns[i].needed)
			return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": no column %s; weirctl export traffic writes it", path,
					    weir_csv_line(f->csv), columns[i].name);
	}
	return 0;
}

static const char *read_field(const struct column *c, const char *s, size_t len, struct weir_traffic *t)
{
	if (strlen(s) != len)
		return "holds a NUL";
	if (c->read)
		return c->read(s, t);
	if (len > WEIR_TRAFFIC_TEXT_MAX)
		return "is longer than 4095 bytes";
	*traffic_text(t, c->text) = s;
	return NULL;
}

static int read_row(const struct reader *f, const char *path, const struct weir_csv_field *fields, size_t n,
		    struct weir_traffic *t, struct weir_err *err)
{
	uint64_t line = weir_csv_line(f->csv);

	*t = (struct weir_traffic){.opened = true, .folded = true};
	if (n != f->width)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": %zu fields, the header has %zu", path, line, n, f->width);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(columns); i++) {
		const struct weir_csv_field *v = f->place[i] == ABSENT ? NULL : &fields[f->place[i]];
		const char *wrong = v ? read_field(&columns[i], v->text, v->len, t) : NULL;

		if (wrong)
			return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": %s: '%.60s' %s", path, line, columns[i].name, v->text,
					    wrong);
	}
	if (!t->folded && f->place[LOCAL] != ABSENT && !fields[f->place[LOCAL]].len)
		return weir_err_set(err, -EINVAL, "%s:%" PRIu64 ": local: empty, and the peer is not", path, line);
	return 0;
}

static int read_rows(struct weir_traffic_set *s, struct reader *f, const char *path, struct weir_err *err)
{
	const struct weir_csv_field *fields;
	size_t n;
	int r;

	while ((r = weir_csv_next(f->csv, &fields, &n, err)) > 0) {
		struct weir_traffic t;

		r = read_row(f, path, fields, n, &t, err);
		if (r)
			return r;
		r = weir_traffic_add(s, &t);
		if (r)
			return weir_err_set(err, r, "%s:%" PRIu64 ": %s", path, weir_csv_line(f->csv),
					    r == -E2BIG	   ? "more rows than a set may have (16,777,216); take fewer days"
					    : r == -ERANGE ? "bytes: equal rows sum to more than 2^56"
							   : strerror(-r));
	}
	return r;
}

int weir_traffic_read(struct weir_traffic_set *s, const char *path, struct weir_err *err)
{
	weir_auto_csv struct weir_csv *csv = NULL;
	struct reader f = {0};
	int r = weir_csv_open(path, &csv, err);

	if (r)
		return r;
	f.csv = csv;
	r = read_header(&f, path, err);
	return r ? r : read_rows(s, &f, path, err);
}

static int put_text(struct weir_buf *b, const char *s)
{
	int r = weir_buf_add(b, ",", 1);

	if (r || !s || !strpbrk(s, ",\"\r\n"))
		return r ? r : s ? weir_buf_add(b, s, strlen(s)) : 0;
	r = weir_buf_add(b, "\"", 1);
	for (size_t n; !r && *s; s += n) {
		n = strcspn(s, "\"");
		r = weir_buf_add(b, s, n);
		if (!r && s[n]) {
			r = weir_buf_add(b, "\"\"", 2);
			n++;
		}
	}
	return r ? r : weir_buf_add(b, "\"", 1);
}

static bool is_zero(const struct weir_addr *a)
{
	static const struct weir_addr zero;

	return !memcmp(a, &zero, sizeof(zero));
}

int weir_traffic_line(const struct weir_traffic *t, struct weir_buf *ret)
{
	char hour[21], local[46] = "", peer[46] = "";
	int r;

	weir_time_text(t->hour_s * WEIR_NS_PER_S, hour);
	if (!t->folded)
		weir_addr_text(&t->peer, peer);
	if (!t->folded || !is_zero(&t->local))
		weir_addr_text(&t->local, local);
	r = weir_buf_addf(ret, "%s", hour);
	if (!r)
		r = put_text(ret, t->domain);
	if (!r)
		r = weir_buf_addf(ret, ",%s,%s,%s,%s,%u,%s,%u,%" PRIu64 ",%" PRIu64 ",%s", local, peer,
				  weir_path_name(t->path), dirs[t->dir & 1], t->proto, openers[t->opened], t->port, t->bytes,
				  t->packets, sources[t->source]);
	for (size_t i = TRAFFIC_NODE; !r && i < TRAFFIC_TEXTS; i++)
		r = put_text(ret, *traffic_text((struct weir_traffic *)t, i));
	return r ? r : weir_buf_add(ret, "\n", 1);
}
