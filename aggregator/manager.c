/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/manager.h"

#include "aggregator/alerts.h"
#include "aggregator/hours.h"
#include "aggregator/http.h"
#include "aggregator/keys.h"
#include "aggregator/models.h"
#include "aggregator/live.h"
#include "aggregator/signals.h"
#include "aggregator/watch.h"
#include "aggregator/witness.h"
#include "aggregator/worker.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/model/shelf.h"
#include "lib/os/privilege.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

/* A poll is held to the second at best: ends of polls need no finer clock. */
#define SWEEP_NS (WEIR_NS_PER_S / 2)
#define SIGNER_IDS (17 * WEIR_MAX_SIGNERS + 1)
#define RETAIN_NS (60 * WEIR_NS_PER_S)
/* Of the time in which there is upkeep to do, agents and people get this many parts more than it. */
#define RETAIN_REST 3
#define RETAIN_REST_MIN_NS (20 * (WEIR_NS_PER_S / 1000))
/* Connections of each socket, and descriptors for all else (the store, the repository, HTTP). */
#define PEERS_MAX 8192
#define PEERS_MIN 64
#define FILES_OWN 256
/* So exactly is it known since when something is wrong. */
#define WATCH_NS (10 * WEIR_NS_PER_S)
/* An hour that is over is charged so soon. */
#define HOURS_NS (2 * WEIR_NS_PER_S)
/* Forecasts give way to whoever serves. */
#define WORKER_NICE 10
/* So soon after the bytes a crossed budget is told of. */
#define ALERTS_NS (3 * WEIR_NS_PER_S)

struct manager {
	struct service sv;
	struct weir_loop *loop;
	struct weir_source *telemetry, *control, *sweep, *poll, *retain, *watch, *hours, *alerts;
	struct weir_httpd *http;
	struct keys *keys;
};

static int on_telemetry(uint32_t events, void *arg)
{
	struct manager *m = arg;

	(void)events;
	telemetry_ready(&m->sv, weir_wall_ns());
	return 0;
}

static int on_control(uint32_t events, void *arg)
{
	struct manager *m = arg;

	(void)events;
	control_ready(m->sv.control, weir_wall_ns());
	return 0;
}

static int on_sweep(uint32_t events, void *arg)
{
	struct manager *m = arg;

	(void)events;
	control_sweep(m->sv.control, weir_wall_ns());
	leases_sweep(&m->sv, weir_wall_ns());
	keys_poll(m->keys, weir_wall_ns(), false);
	return 0;
}

static int on_retain(uint32_t events, void *arg)
{
	struct manager *m = arg;
	uint64_t retain_s[STORE_RESOLUTIONS], began_ns = weir_monotonic_ns(), took_ns;
	bool more = false;
	int r;

	(void)events;
	for (int i = 0; i < STORE_RESOLUTIONS; i++)
		retain_s[i] = m->sv.config.retain_ns[i] / WEIR_NS_PER_S;
	r = store_retain(m->sv.store, weir_wall_ns() / WEIR_NS_PER_S, retain_s, &more);
	if (r)
		weir_log_err(r, "store: cannot fold and remove old rows: %s", store_error(m->sv.store));
	took_ns = weir_monotonic_ns() - began_ns;
	return weir_source_rearm(m->retain, more ? WEIR_MAX(RETAIN_REST * took_ns, RETAIN_REST_MIN_NS) : RETAIN_NS, 0);
}

/* An hour at a time: after days without an aggregator there are many to charge, and agents wait beside it. */
static int on_hours(uint32_t events, void *arg)
{
	struct manager *m = arg;
	const struct weir_repo *repo = gitops_repo(m->sv.gitops);
	const struct ingest_pricing pricing = {repo ? repo->topology : NULL, repo ? repo->prices : NULL};
	uint64_t began_ns = weir_monotonic_ns(), took_ns;
	struct hours_done done = {0};
	int r = hours_charge(m->sv.store, &pricing, weir_wall_ns() / WEIR_NS_PER_S, &done);

	(void)events;
	if (r)
		weir_log_err(r, "store: cannot charge an hour of gateways and load balancers: %s", store_error(m->sv.store));
	if (done.skipped)
		weir_log(WEIR_LOG_WARN, "%" PRIu64 " hours of gateways and load balancers, more than %llu days ago, are not charged any more",
			 done.skipped, HOURS_BACK_S / 86400);
	took_ns = weir_monotonic_ns() - began_ns;
	return weir_source_rearm(m->hours, done.more ? WEIR_MAX(RETAIN_REST * took_ns, RETAIN_REST_MIN_NS) : HOURS_NS, 0);
}

/* Whose signatures an approval carries: the ids of their keys. */
static const char *signer_ids(const struct weir_approval *a, char *ret, size_t size)
{
	char id[17];
	size_t used = 0;

	*ret = '\0';
	for (size_t i = 0; i < a->sig_count && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s", i ? "," : "", weir_pub_id(a->sigs[i].key, id));
	return ret;
}

/* Nobody asks, but what is found now has begun now. */
static int on_watch(uint32_t events, void *arg)
{
	struct manager *m = arg;
	struct problem problems[CHECKS_PROBLEMS];
	auto_fleet fleet = {0};
	size_t n;
	int r = fleet_read(&m->sv, weir_wall_ns(), false, &fleet);

	(void)events;
	if (!r)
		r = watch_run(m->sv.watch, &m->sv, &fleet, problems, &n);
	if (r)
		weir_log_err(r, "cannot look whether all is well");
	return 0;
}

static int on_alerts(uint32_t events, void *arg)
{
	struct manager *m = arg;

	(void)events;
	alerts_run(m->sv.alerts, weir_wall_ns());
	return 0;
}

static void candidate_change(struct service *sv, const char *source, uint64_t now_ns)
{
	const struct weir_approval *a = gitops_candidate(sv->gitops);
	char serial[24], signers[12], ids[SIGNER_IDS];

	if (!a) {
		weir_log(WEIR_LOG_INFO, "policy: there is no candidate any more");
		service_audited(audit_add(sv->audit, now_ns, "candidate-over", "source", source, NULL));
		return;
	}
	snprintf(serial, sizeof(serial), "%" PRIu64, a->manifest.serial);
	snprintf(signers, sizeof(signers), "%u", gitops_signers(gitops_repo(sv->gitops), a));
	weir_log(WEIR_LOG_INFO, "policy: serial %s is the candidate (%s approvals for shadow)", serial, signers);
	service_audited(audit_add(sv->audit, now_ns, "candidate", "serial", serial, "source", source, "approvals",
				  signers, "signers", signer_ids(a, ids, sizeof(ids)), NULL));
}

/* Each change of revision or release is said once, in the log and in the audit log. */
static void state_change(struct service *sv, int changed, uint64_t now_ns)
{
	const struct weir_repo *repo = gitops_repo(sv->gitops);
	const struct weir_approval *a = gitops_approval(sv->gitops);
	char source[2 * WEIR_SHA256_LEN + 1] = "", serial[24], signers[12], ids[SIGNER_IDS];

	if (repo)
		weir_hex(repo->source, sizeof(repo->source), source);
	if (changed & GITOPS_LOADED) {
		weir_log(WEIR_LOG_INFO, "policy: revision %.12s loaded", source);
		service_audited(audit_add(sv->audit, now_ns, "revision-loaded", "source", source, NULL));
	}
	if (changed & GITOPS_FAILED) {
		const char *state = gitops_state_name(gitops_state(sv->gitops));

		weir_log(WEIR_LOG_WARN, "policy: %s: %s", state, gitops_error(sv->gitops));
		service_audited(audit_add(sv->audit, now_ns,
					  gitops_state(sv->gitops) == GITOPS_REJECTED ?
						  "revision-rejected" :
						  "revision-unapproved",
					  "reason", gitops_error(sv->gitops), NULL));
	}
	if (changed & GITOPS_CANDIDATE)
		candidate_change(sv, source, now_ns);
	if (changed & GITOPS_RELEASED) {
		snprintf(serial, sizeof(serial), "%" PRIu64, a->manifest.serial);
		snprintf(signers, sizeof(signers), "%u", gitops_signers(repo, a));
		weir_log(WEIR_LOG_INFO, "policy: serial %s is current (%s approvals)", serial, signers);
		service_audited(audit_add(sv->audit, now_ns, "release", "serial", serial, "source", source, "approvals",
					  signers, "signers", signer_ids(a, ids, sizeof(ids)), NULL));
	}
}

static int on_poll(uint32_t events, void *arg)
{
	struct manager *m = arg;
	uint64_t now_ns = weir_wall_ns();
	int changed = gitops_poll(m->sv.gitops);

	(void)events;
	if (changed)
		state_change(&m->sv, changed, now_ns);
	if (changed & (GITOPS_RELEASED | GITOPS_CANDIDATE))
		control_sweep(m->sv.control, now_ns);
	return 0;
}

static int on_signal(int signo, void *arg)
{
	struct manager *m = arg;

	if (signo == SIGHUP) {
		keys_poll(m->keys, weir_wall_ns(), true);
		return on_poll(0, m);
	}
	weir_log(WEIR_LOG_INFO, "ending on %s", strsignal(signo));
	weir_loop_stop(m->loop, 0);
	return 0;
}

/* How many may be connected to one of the two sockets, by the descriptors that this process may have. */
static uint32_t peers_max(void)
{
	struct rlimit files;
	rlim_t each;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return PEERS_MIN;
	if (files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files))
			getrlimit(RLIMIT_NOFILE, &files);
	}
	each = files.rlim_cur > FILES_OWN ? (files.rlim_cur - FILES_OWN) / 2 : 0;
	if (each < PEERS_MAX)
		weir_log(WEIR_LOG_WARN, "at most %llu agents can be connected: the limit of open files is %llu (LimitNOFILE=)",
			 (unsigned long long)WEIR_MAX(each, PEERS_MIN), (unsigned long long)files.rlim_cur);
	return (uint32_t)WEIR_MAX(WEIR_MIN(each, PEERS_MAX), PEERS_MIN);
}

static int open_parts(struct manager *m, struct weir_err *err)
{
	const uint32_t peers = peers_max();
	const struct weir_wire_bounds telemetry = {WEIR_TELEMETRY_MAX, TELEMETRY_REQUESTS, peers};
	const struct weir_wire_bounds control = {WEIR_CONTROL_REQ_MAX, CONTROL_REQUESTS, peers};
	struct service *sv = &m->sv;
	const struct config *c = &sv->config;
	const struct weir_tls_files tls = {.ca = c->tls_ca, .cert = c->tls_cert, .key = c->tls_key,
					   .crl = c->tls_crl};
	int r = audit_open(c->audit_path, sv->started_ns, &sv->audit, err);

	if (!r)
		r = store_open(c->store_path, &sv->store, err);
	if (!r)
		r = models_open(sv, err);
	if (!r)
		r = witness_new(sv, &sv->witness, err);
	if (!r)
		r = order_load(sv, err);
	if (!r)
		r = gitops_new(c->policy_dir, &sv->gitops);
	if (!r)
		r = sessions_new(c->nodes_dir, SESSIONS_MAX, &sv->sessions);
	if (!r)
		r = control_new(sv, &sv->control);
	if (!r)
		r = watch_new(&sv->watch);
	if (!r)
		r = worker_new(m->loop, "weir-models", WORKER_NICE, &sv->worker);
	if (!r)
		r = alerts_new(sv, m->loop, &sv->alerts);
	if (!r)
		r = signals_new(sv, m->loop, &sv->signals);
	if (!r)
		r = live_new(sv, m->loop, &sv->live, err);
	if (!r)
		r = keys_new(sv, &m->keys, err);
	if (!r)
		r = weir_wire_listen(c->telemetry_url, &tls, &telemetry, &sv->telemetry, err);
	if (!r)
		r = weir_wire_listen(c->control_url, &tls, &control, &sv->control_wire, err);
	return r;
}

static int join_loop(struct manager *m, struct weir_err *err)
{
	struct service *sv = &m->sv;
	struct weir_loop *l = m->loop;
	uint64_t poll_ns = sv->config.policy_poll_ns;
	int r = http_new(sv, l, &m->http, err);

	if (!r)
		r = weir_loop_fd(l, weir_wire_server_fd(sv->telemetry), EPOLLIN, on_telemetry, m,
				 &m->telemetry);
	if (!r)
		r = weir_loop_fd(l, weir_wire_server_fd(sv->control_wire), EPOLLIN, on_control, m,
				 &m->control);
	if (!r)
		r = weir_loop_timer(l, SWEEP_NS, SWEEP_NS, on_sweep, m, &m->sweep);
	if (!r)
		r = weir_loop_timer(l, poll_ns, poll_ns, on_poll, m, &m->poll);
	if (!r)
		r = weir_loop_timer(l, RETAIN_REST_MIN_NS, 0, on_retain, m, &m->retain);
	if (!r)
		r = weir_loop_timer(l, WATCH_NS, WATCH_NS, on_watch, m, &m->watch);
	if (!r)
		r = weir_loop_timer(l, RETAIN_REST_MIN_NS, 0, on_hours, m, &m->hours);
	if (!r)
		r = weir_loop_timer(l, ALERTS_NS, ALERTS_NS, on_alerts, m, &m->alerts);
	return r;
}

static void manager_fini(struct manager *m)
{
	weir_httpd_free(m->http);
	weir_source_free(m->telemetry);
	weir_source_free(m->control);
	weir_source_free(m->sweep);
	weir_source_free(m->poll);
	weir_source_free(m->retain);
	weir_source_free(m->watch);
	weir_source_free(m->hours);
	weir_source_free(m->alerts);
	if (m->sv.telemetry)
		weir_wire_server_free(m->sv.telemetry);
	if (m->sv.control_wire)
		weir_wire_server_free(m->sv.control_wire);
	keys_free(m->keys);
	witness_free(m->sv.witness);
	control_free(m->sv.control);
	watch_free(m->sv.watch);
	worker_free(m->sv.worker);
	if (live_free(m->sv.live))
		m->sv.shelf = NULL;
	signals_free(m->sv.signals);
	alerts_free(m->sv.alerts);
	sessions_free(m->sv.sessions);
	gitops_free(m->sv.gitops);
	weir_shelf_close(m->sv.shelf);
	store_close(m->sv.store);
	audit_close(m->sv.audit);
	if (m->loop)
		weir_loop_free(m->loop);
	config_fini(&m->sv.config);
}

/* Before the first thread, and before anything is opened: what works now works after a reload too. */
static void confine(void)
{
	int caps = weir_caps_keep(0), filter = caps < 0 ? caps : weir_seccomp(NULL, 0);

	if (caps < 0)
		weir_log(WEIR_LOG_WARN, "privileges: capabilities cannot be given up: %s", strerror(-caps));
	if (filter < 0)
		weir_log(WEIR_LOG_WARN, "privileges: system calls are not filtered: %s", strerror(-filter));
}

int manager_run(struct config *config, struct weir_err *err)
{
	weir_cleanup(manager_fini) struct manager m = {.sv.config = *config};
	int r;

	memset(config, 0, sizeof(*config));
	m.sv.started_ns = weir_wall_ns();
	confine();
	/* First, as it blocks the signals that threads of libraries must not take. */
	r = weir_loop_new(&m.loop, on_signal, &m);
	if (!r)
		r = open_parts(&m, err);
	if (!r) {
		/* Before the first byte is priced, and before the first agent is answered. */
		on_poll(0, &m);
		r = join_loop(&m, err);
	}
	if (r)
		return weir_err_set(err, r, "cannot start: %s", strerror(-r));
	weir_log(WEIR_LOG_INFO, "weir-aggregator %s: telemetry %s, control %s, API %s", WEIR_VERSION,
		 m.sv.config.telemetry_url, m.sv.config.control_url, m.sv.config.http_socket);
	return weir_loop_run(m.loop);
}
