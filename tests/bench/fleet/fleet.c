/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build/bench/fleet PKI TELEMETRY-URL CONTROL-URL DOMAIN CLASS FIRST COUNT WINDOW_MS SECONDS: agents f<FIRST>... that speak the
 * real protocol over mutual TLS: the library's own connections, sessions, summaries (200 rows, deflated), verification of
 * bundles and orders. What they do not do is to count packets. They share one certificate of PKI (nodes/fleet) and have
 * a key each, whose public half is put into PKI/nodes. WINDOW_MS 0: the next summary as soon as one is acknowledged,
 * of windows of three hours ago and later.
 *
 * Says, with times of the wall clock in ns:
 *   ready T            all have both sessions and an acknowledged summary (again after each loss); SECONDS begin
 *   applied SERIAL p50 p99 max    when they had verified it and said so; `undone` likewise, of an order
 *   acks N rows N p50_ms p99_ms max_ms behind N    at the end of SECONDS: of the time from the end of a window to its
 *                     acknowledgement, and windows that had ended and were not acknowledged. Those are still told, then
 *   told T bytes N    that the acknowledged summaries counted, from the beginning
 */
#include <inttypes.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "lib/os/loop.h"
#include "lib/policy/order.h"
#include "lib/wire/wire.h"
#include "tests/bench/fleet/node.h"

#define TICK_NS (10 * NS_PER_MS)
#define NS_PER_MS 1000000ull
#define HOUR_NS (3600 * WEIR_NS_PER_S)
#define MAX_TIMES 4000000u
#define PATIENCE_NS (300 * WEIR_NS_PER_S)
#define TIMEOUT_NS (60 * WEIR_NS_PER_S)

struct fleet;
struct end { /* one of the two sessions of an agent */
	struct agent *agent;
	enum weir_socket_kind kind;
	struct weir_wire_client *client;
	struct weir_session *session;
	struct weir_source *source;
	bool outstanding;
	uint64_t wait_ns; /* nothing before */
};
struct agent {
	struct fleet *fleet;
	char name[32];
	struct weir_key *key;
	struct end telemetry, control;
	struct node node;
	struct weir_msg *reference, *sent; /* of summaries */
	uint64_t due_ns;
	bool acked;
	uint64_t told[WEIR_DIRS]; /* bytes */
	uint64_t serial, before, undone, order, have;
	uint8_t digest[WEIR_SHA256_LEN];
};
struct times {
	uint64_t key;
	size_t n;
	uint64_t *ns;
};
struct fleet {
	struct weir_loop *loop;
	const char *class;
	struct weir_tls_files tls;
	uint8_t approver[1][WEIR_KEY_LEN], operator[1][WEIR_KEY_LEN];
	uint64_t window_ns, length_ns, rows;
	struct weir_source *end;
	size_t count;
	bool ready;
	uint64_t over_ns; /* windows that end later are not made; 0 = SECONDS are not over */
	struct times acks, applied, undone;
	struct agent *agents;
};

static int by_value(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t at(struct times *t, double part)
{
	return t->n ? t->ns[(size_t)((double)(t->n - 1) * part)] : 0;
}

static void note(struct times *t, uint64_t ns)
{
	if (t->n < MAX_TIMES)
		t->ns[t->n++] = ns;
}

/* One more of the fleet has done what `key` numbers; the last says it for all. */
static void note_of_all(struct fleet *f, struct times *t, const char *what, uint64_t key)
{
	if (t->key != key)
		t->n = 0;
	t->key = key;
	note(t, weir_wall_ns());
	if (t->n != f->count)
		return;
	qsort(t->ns, t->n, sizeof(*t->ns), by_value);
	printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", what, key, at(t, 0.5), at(t, 0.99), at(t, 1));
	fflush(stdout);
}

static void msg_freep(struct weir_msg **m)
{
	weir_msg_free(*m);
}

/* All that had ended at the end is told. */
static bool all_told(const struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->agents[i].sent || (f->window_ns && f->agents[i].due_ns <= f->over_ns))
			return false;
	return true;
}

static bool nothing_more(const struct agent *a)
{
	const struct fleet *f = a->fleet;

	return f->over_ns && !a->sent && (!f->window_ns || a->due_ns > f->over_ns);
}

static void back_off(struct end *e)
{
	e->wait_ns = weir_monotonic_ns() + WEIR_NS_PER_S / 4;
}

static int send_summary(struct agent *a)
{
	struct weir_msg m = {.kind = WEIR_MSG_SUMMARY_Z, .has_token = true};
	weir_auto_buf struct weir_buf z = {0}, b = {0};
	struct weir_err err = {{0}};
	int r;

	if (!a->sent) { /* not one that is sent again */
		node_window(&a->node);
		if (a->fleet->window_ns)
			a->node.s.start_ns = weir_wall_ns() - NODE_WINDOW_NS;
	}
	r = weir_summary_deflate(&a->node.s, a->sent ? NULL : a->reference, &z);
	weir_msg_free(weir_take_ptr(a->sent));
	if (!r)
		r = weir_summary_inflate(z.data, z.len, a->reference, &a->sent, &err);
	m.summary_z.data = z.data;
	m.summary_z.len = z.len;
	memcpy(m.token, weir_session_token(a->telemetry.session), sizeof(m.token));
	if (!r)
		r = weir_msg_pack(&m, &b);
	return r ? r : weir_wire_send(a->telemetry.client, b.data, b.len, TIMEOUT_NS);
}

static int send_poll(struct agent *a)
{
	struct weir_msg m = {.kind = WEIR_MSG_POLICY_SYNC, .has_token = true};
	struct weir_policy_sync *s = &m.policy_sync;
	weir_auto_buf struct weir_buf b = {0};
	int r;

	s->applied_serial = a->serial;
	s->have_serial = a->have;
	memcpy(s->applied_digest, a->digest, sizeof(a->digest));
	s->has_digest = a->serial;
	s->mode = 2;
	s->threshold = s->approvers = 1;
	s->refused_reason = s->refused_text = s->order_refused = "";
	s->have_order = a->order;
	if (a->undone) {
		s->undone_from = a->undone;
		s->undone_to = a->serial;
		s->undone_ns = a->order;
		s->undone_why = 2;
	}
	memcpy(m.token, weir_session_token(a->control.session), sizeof(m.token));
	r = weir_msg_pack(&m, &b);
	return r ? r : weir_wire_send(a->control.client, b.data, b.len, TIMEOUT_NS);
}

static void all_ready(struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (!f->agents[i].acked || !weir_session_ready(f->agents[i].control.session))
			return;
	f->ready = true;
	(void)weir_source_rearm(f->end, f->length_ns, 0);
	f->acks.n = f->rows = 0; /* what came before is of the beginning */
	for (size_t i = 0; i < f->count && f->window_ns; i++) /* nor is it told now, by all at once */
		f->agents[i].due_ns = WEIR_MAX(f->agents[i].due_ns, weir_monotonic_ns() + f->window_ns * (i % 100) / 100);
	printf("ready %" PRIu64 "\n", weir_wall_ns());
	fflush(stdout);
}

static void acknowledged(struct agent *a, const struct weir_ack *ack)
{
	struct fleet *f = a->fleet;
	uint64_t now = weir_monotonic_ns();

	if (ack->committed != a->node.s.sequence || ack->epoch != a->node.s.epoch)
		return; /* it is sent again */
	weir_msg_free(a->reference);
	a->reference = weir_summary_refer(a->sent);
	weir_msg_free(weir_take_ptr(a->sent));
	f->rows += a->node.s.row_count;
	note(&f->acks, now - WEIR_MIN(a->due_ns, now));
	a->due_ns = f->window_ns ? a->due_ns + f->window_ns : now;
	a->acked = true;
	a->told[WEIR_INGRESS] = a->node.s.total_bytes[WEIR_INGRESS];
	a->told[WEIR_EGRESS] = a->node.s.total_bytes[WEIR_EGRESS];
	if (!f->ready && !f->over_ns)
		all_ready(f);
	if (f->over_ns && all_told(f))
		weir_loop_stop(f->loop, 0);
}

static void pushed(struct agent *a, const struct weir_policy_push *p)
{
	struct fleet *f = a->fleet;
	struct weir_trust trust = {.keys = f->approver, .key_count = 1, .threshold = 1, .class = f->class,
				   .serial_high = a->have, .now_s = weir_wall_ns() / WEIR_NS_PER_S};
	struct weir_signature sig;
	struct weir_manifest m = {0};
	struct weir_bundle *b = NULL;
	struct weir_order order;
	struct weir_err err = {{0}};

	if (p->change && p->sig_count) {
		memcpy(&sig, &p->sigs[0], sizeof(sig));
		if (weir_bundle_verify(&trust, p->manifest, p->manifest_len, &sig, 1, p->bundle, p->bundle_len, &m, &b, &err)) {
			fprintf(stderr, "%s: %s\n", a->name, err.text);
		} else {
			a->before = a->serial;
			a->serial = m.serial;
			weir_bundle_digest(b, a->digest);
			note_of_all(f, &f->applied, "applied", m.serial);
		}
		a->have = p->serial;
		weir_manifest_fini(&m);
		weir_bundle_free(b);
	} else if (p->order_len) {
		memcpy(&sig, &p->order_sig, sizeof(sig));
		if (!weir_order_verify(f->operator, 1, p->order, p->order_len, &sig, a->order, trust.now_s, &order, &err)) {
			a->order = order.number;
			a->undone = a->serial;
			a->serial = a->before;
			note_of_all(f, &f->undone, "undone", order.serial);
		}
	}
}

static void take(struct end *e)
{
	weir_cleanup(msg_freep) struct weir_msg *m = NULL;
	struct agent *a = e->agent;
	struct weir_err err = {{0}};
	const void *data;
	size_t len;
	int r = weir_wire_reply_take(e->client, &data, &len);

	if (r == -EAGAIN)
		return;
	e->outstanding = false;
	if (!r)
		r = weir_reply_unpack(data, len, WEIR_CONTROL_MAX, &m, &err);
	if (r) {
		back_off(e);
		return;
	}
	if (m->kind == WEIR_MSG_REFUSAL && m->refusal.code == WEIR_RC_NO_SESSION) {
		weir_session_reset(e->session);
		weir_msg_free(weir_take_ptr(a->reference));
		a->fleet->ready = a->acked = false;
	} else if (m->kind == WEIR_MSG_ACK) {
		acknowledged(a, &m->ack);
	} else if (m->kind == WEIR_MSG_POLICY_PUSH) {
		pushed(a, &m->policy_push);
	} else {
		back_off(e);
	}
}

static void go_on(struct end *e)
{
	struct weir_err err = {{0}};
	struct agent *a = e->agent;
	uint64_t now = weir_monotonic_ns();
	int r = 0;

	if (e->outstanding || now < e->wait_ns)
		return;
	if (!weir_session_ready(e->session)) {
		r = weir_session_step(e->session, &err);
		if (r == -EAGAIN)
			return;
	}
	if (!r && e->kind == WEIR_SOCKET_TELEMETRY && (now < a->due_ns || nothing_more(a)))
		return;
	if (!r)
		r = e->kind == WEIR_SOCKET_CONTROL ? send_poll(a) : send_summary(a);
	if (r)
		back_off(e);
	else
		e->outstanding = true;
}

static int on_readable(uint32_t events, void *arg)
{
	struct end *e = arg;

	(void)events;
	if (e->outstanding)
		take(e);
	go_on(e);
	return 0;
}

static int on_tick(uint32_t events, void *arg)
{
	struct fleet *f = arg;

	(void)events;
	for (size_t i = 0; i < f->count; i++) {
		go_on(&f->agents[i].telemetry);
		go_on(&f->agents[i].control);
	}
	return 0;
}


static int end_new(struct end *e, struct agent *a, enum weir_socket_kind kind, const char *url, const char *domain,
		   struct weir_err *err)
{
	struct fleet *f = a->fleet;
	const struct weir_hello self = {.node = a->name, .version = WEIR_VERSION, .kernel = "", .hooks = "",
					.domain = domain, .node_class = f->class};
	int r = weir_wire_dial(url, &f->tls, kind == WEIR_SOCKET_CONTROL ? WEIR_CONTROL_MAX : WEIR_TELEMETRY_MAX,
			       &e->client, err);

	e->agent = a;
	e->kind = kind;
	if (!r)
		r = weir_session_new(e->client, kind, &self, a->key, &e->session);
	return r ? r : weir_loop_fd(f->loop, weir_wire_client_fd(e->client), EPOLLIN, on_readable, e, &e->source);
}

static int agent_new(struct agent *a, struct fleet *f, uint32_t number, char **argv, struct weir_err *err)
{
	uint64_t now = weir_monotonic_ns();
	weir_auto_free char *path = NULL;
	uint8_t pub[WEIR_KEY_LEN];
	weir_auto_fclose FILE *file = NULL;
	char text[56];
	int r;

	a->fleet = f;
	snprintf(a->name, sizeof(a->name), "f%05u", number);
	node_init(&a->node, number, argv[4], (weir_wall_ns() / HOUR_NS - 3) * HOUR_NS);
	a->due_ns = now + f->window_ns * (number % 100) / 100;
	path = weir_strf("%s/nodes/%s.pub", argv[1], a->name);
	r = weir_key_new(&a->key) ?: weir_key_public(a->key, pub);
	file = path && !r ? fopen(path, "we") : NULL;
	if (!file || fprintf(file, "%s\n", weir_pub_text(pub, text)) < 0)
		return weir_err_set(err, r ? r : -EIO, "%s: a key cannot be written", a->name);
	r = end_new(&a->telemetry, a, WEIR_SOCKET_TELEMETRY, argv[2], argv[4], err);
	return r ? r : end_new(&a->control, a, WEIR_SOCKET_CONTROL, argv[3], argv[4], err);
}

static void report(struct fleet *f)
{
	uint64_t now = weir_monotonic_ns(), behind = 0;

	for (size_t i = 0; i < f->count && f->window_ns; i++)
		behind += f->agents[i].due_ns < now ? (now - f->agents[i].due_ns) / f->window_ns : 0;
	qsort(f->acks.ns, f->acks.n, sizeof(*f->acks.ns), by_value);
	printf("acks %zu rows %" PRIu64 " %.3f %.3f %.3f behind %" PRIu64 "\n", f->acks.n, f->rows,
	       (double)at(&f->acks, 0.5) / NS_PER_MS, (double)at(&f->acks, 0.99) / NS_PER_MS,
	       (double)at(&f->acks, 1) / NS_PER_MS, behind);
	fflush(stdout);
}

static void report_told(const struct fleet *f)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < f->count; i++)
		bytes += f->agents[i].told[WEIR_INGRESS] + f->agents[i].told[WEIR_EGRESS];
	printf("told %" PRIu64 " bytes %" PRIu64 "\n", weir_wall_ns(), bytes);
	fflush(stdout);
}

static int on_end(uint32_t events, void *arg)
{
	struct fleet *f = arg;
	bool patient = f->ready && !f->over_ns;

	(void)events;
	if (!f->over_ns)
		report(f);
	f->over_ns = weir_monotonic_ns();
	if (!patient || all_told(f))
		weir_loop_stop(f->loop, 0);
	return weir_source_rearm(f->end, PATIENCE_NS, 0);
}

static int key_read(const char *dir, const char *name, uint8_t ret[WEIR_KEY_LEN], struct weir_err *err)
{
	weir_auto_free char *path = weir_strf("%s/%s.pub", dir, name);
	weir_auto_fclose FILE *f = path ? fopen(path, "re") : NULL;
	char text[80] = "";

	if (!f || fscanf(f, "%79s", text) != 1 || weir_pub_parse(text, ret))
		return weir_err_set(err, -EINVAL, "%s: no public key", path ? path : name);
	return 0;
}

int main(int argc, char **argv)
{
	const struct rlimit files = {65536, 65536};
	static struct fleet f;
	struct weir_err err = {{0}};
	char pem[3][256];
	int r;

	if (argc != 10)
		return 2;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	/* A thousand agents in one process: what each maps once in its life is not to be mapped a thousand times. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
	snprintf(pem[0], sizeof(pem[0]), "%s/ca/cert.pem", argv[1]);
	snprintf(pem[1], sizeof(pem[1]), "%s/nodes/fleet/cert.pem", argv[1]);
	snprintf(pem[2], sizeof(pem[2]), "%s/nodes/fleet/key.pem", argv[1]);
	f.tls = (struct weir_tls_files){.ca = pem[0], .cert = pem[1], .key = pem[2], .server_name = "aggregator"};
	f.class = argv[5];
	f.count = strtoul(argv[7], NULL, 10);
	f.window_ns = strtoull(argv[8], NULL, 10) * NS_PER_MS;
	f.length_ns = strtoull(argv[9], NULL, 10) * WEIR_NS_PER_S;
	f.agents = calloc(f.count, sizeof(*f.agents));
	for (struct times *t[] = {&f.acks, &f.applied, &f.undone}, **p = t; p < t + 3; p++)
		if (!((*p)->ns = malloc(MAX_TIMES * sizeof(uint64_t))))
			return 1;
	r = f.agents ? weir_loop_new(&f.loop, NULL, NULL) : -ENOMEM;
	if (!r)
		r = key_read(argv[1], "approvers/alice", f.approver[0], &err) ?: key_read(argv[1], "operators/ops", f.operator[0], &err);
	for (uint32_t i = 0; !r && i < f.count; i++)
		r = agent_new(&f.agents[i], &f, (uint32_t)strtoul(argv[6], NULL, 10) + i, argv, &err);
	if (!r)
		r = weir_loop_timer(f.loop, TICK_NS, TICK_NS, on_tick, &f, NULL);
	if (!r)
		r = weir_loop_timer(f.loop, PATIENCE_NS, 0, on_end, &f, &f.end);
	if (!r)
		r = weir_loop_run(f.loop);
	if (r) {
		fprintf(stderr, "fleet: %s\n", *err.text ? err.text : strerror(-r));
		return 1;
	}
	report_told(&f);
	_exit(0);
}
