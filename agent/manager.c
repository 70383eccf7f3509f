/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/manager.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/utsname.h>

#include "agent/gate.h"
#include "agent/harvest.h"
#include "agent/keys.h"
#include "agent/lease.h"
#include "agent/metrics.h"
#include "agent/policy.h"
#include "agent/privilege.h"
#include "agent/runtime.h"
#include "agent/uplink.h"
#include "agent/witness.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/file.h"

/* So long a pod may reach a backend by a virtual address before it is decided by the backend. */
#define TRANSLATIONS_NS (WEIR_NS_PER_S / 20)

struct manager {
	struct config conf;
	char *path;
	int lock, links; /* links: the kernel's news of interfaces */
	struct weir_loop *loop;
	struct weir_source *window, *cgroups, *translations, *news;
	struct weir_key *key;
	struct keys *keys;
	struct witness *witness;
	struct probe *probe;
	struct ident *ident;
	struct spool *spool;
	struct harvest *harvest;
	struct gate *gate;
	struct policy *policy;
	struct uplink *uplink;
	struct metrics *metrics;
	struct runtime runtime;
	int last_failure; /* of a window: said once, not every two seconds */
};

void manager_free(struct manager *m)
{
	if (!m)
		return;
	weir_source_free(m->window);
	weir_source_free(m->cgroups);
	weir_source_free(m->translations);
	weir_source_free(m->news);
	metrics_free(m->metrics);
	keys_free(m->keys);
	witness_free(m->witness);
	uplink_free(m->uplink);
	policy_free(m->policy);
	gate_free(m->gate);
	harvest_free(m->harvest);
	spool_free(m->spool);
	ident_free(m->ident);
	probe_close(m->probe);
	weir_key_free(m->key);
	weir_loop_free(m->loop);
	weir_closep(&m->links);
	weir_closep(&m->lock);
	free(m->path);
	config_fini(&m->conf);
	free(m);
}

static void manager_freep(struct manager **m)
{
	manager_free(*m);
}

static int index_cgroup(uint64_t cgroup, struct weir_workload *ret, void *arg)
{
	return probe_index_cgroup(((struct manager *)arg)->probe, cgroup, ret);
}

/* Cgroups without a packet yet, too: policy holds for the first one. */
static void name_workloads(struct manager *m)
{
	struct weir_err err = {0};

	ident_events(m->ident);
	ident_offer(m->ident, index_cgroup, m);
	if (ident_resolve(m->ident) && gate_names(m->gate, &err) < 0)
		weir_log(WEIR_LOG_ERR, "policy: new workloads are not covered: %s", err.text);
}

static void follow_names(struct manager *m)
{
	int r = probe_each_workload(m->probe, ident_note, m->ident);

	if (r < 0)
		weir_log_err(r, "workloads cannot be read; new ones stay unidentified");
	name_workloads(m);
}

static const char *const mode_names[] = {"observe", "shadow", "enforce"};

/* Each window; an agent that was killed, or stopped for too long, finds its enforcement ended. */
static void renew_lease(struct manager *m)
{
	uint64_t over_s = lease_renew(probe_ctl(m->probe), m->conf.lease_ns, weir_monotonic_ns());

	if (over_s)
		weir_log(WEIR_LOG_WARN,
			 "mode observe -> %s: an agent is back; enforcement had ended by itself %" PRIu64
			 " s ago, because no agent renewed agent.lease in time",
			 mode_names[m->conf.mode], over_s);
}

static int on_window(uint32_t events, void *arg)
{
	struct manager *m = arg;
	uint64_t len = m->conf.window_ns, slack = len / 20;
	uint64_t end = (weir_wall_ns() + slack) / len * len;
	struct weir_err err = {0};
	int r;

	(void)events;
	renew_lease(m);
	if (probe_interfaces(m->probe, &err) < 0)
		weir_log(WEIR_LOG_WARN, "interfaces: %s", err.text);
	follow_names(m);
	r = harvest_run(m->harvest, end,
			&(struct harvest_policy){.serial = policy_serial(m->policy),
						 .candidate_serial = policy_candidate(m->policy),
						 .candidate = gate_candidate(m->gate),
						 .packet_ps = m->runtime.packet_ps});
	runtime_window(&m->runtime, m->probe);
	name_workloads(m);
	if (r == -EALREADY)
		return 0;
	if (r < 0 && r != m->last_failure)
		weir_log_err(
			r,
			"window not spooled; its counts stay in the kernel and come with the next");
	if (r == 0 && m->last_failure)
		weir_log(WEIR_LOG_INFO, "windows are spooled again; nothing was lost");
	m->last_failure = r;
	if (m->uplink)
		uplink_keys(m->uplink, keys_expires_s(m->keys), keys_broken(m->keys));
	if (r == 0 && m->uplink)
		uplink_kick(m->uplink);
	return 0;
}

static int on_translations(uint32_t events, void *arg)
{
	(void)events;
	harvest_follow(((struct manager *)arg)->harvest);
	return 0;
}

/* One interface that cannot be followed is no reason to miss the next. */
static int on_interface(const struct iface_news *n, void *arg)
{
	struct manager *m = arg;
	struct weir_err err = {0};

	if (probe_interface(m->probe, n, &err) < 0)
		weir_log(WEIR_LOG_WARN, "interfaces: %s", err.text);
	return 0;
}

static int on_links(uint32_t events, void *arg)
{
	struct manager *m = arg;
	struct weir_err err = {0};
	int r = ifaces_read(m->links, on_interface, m);

	(void)events;
	if (r == -ENOBUFS)
		weir_log(WEIR_LOG_INFO, "interfaces: more changes than news hold; looking at all anew");
	else if (r < 0)
		weir_log_err(r, "news of interfaces cannot be read; looking at all anew");
	if (r < 0 && probe_interfaces(m->probe, &err) < 0)
		weir_log(WEIR_LOG_WARN, "interfaces: %s", err.text);
	return 0;
}

static int on_cgroups(uint32_t events, void *arg)
{
	(void)events;
	name_workloads(arg);
	return 0;
}

static void set_mode(struct manager *m)
{
	struct weir_ctl *ctl = probe_ctl(m->probe);
	bool none = !(ctl->active & WEIR_A_BUNDLE);
	uint32_t deny = m->conf.default_deny && none;

	renew_lease(m);
	if (ctl->mode != m->conf.mode && ctl->mode < WEIR_ARRAY_SIZE(mode_names))
		weir_log(WEIR_LOG_INFO, "mode %s -> %s: agent.mode of %s", mode_names[ctl->mode],
			 mode_names[m->conf.mode], m->path);
	__atomic_store_n(&ctl->default_deny, deny, __ATOMIC_RELEASE);
	__atomic_store_n(&ctl->keep_established, m->conf.established == CONFIG_KEEP, __ATOMIC_RELEASE);
	probe_set_mode(m->probe, m->conf.mode);
	if (m->conf.mode == WEIR_MODE_ENFORCE && none)
		weir_log(WEIR_LOG_WARN,
			 "no bundle is in force here: until then everything is %s",
			 deny ? "denied (agent.default_deny)" : "accepted");
}

#define SWAP(a, b)                                                                                 \
	do {                                                                                       \
		__typeof__(a) _t = (a);                                                            \
		(a) = (b);                                                                         \
		(b) = _t;                                                                          \
	} while (0)

/* What can change while running; the rest needs a restart, which loses nothing. */
static void reload(struct manager *m)
{
	config_auto struct config fresh = {0};
	struct weir_err err = {0};
	int r = config_load(m->path, &fresh, &err);

	if (r == 0)
		r = ident_reload(m->ident, fresh.labels, &err);
	if (r < 0) {
		weir_log(WEIR_LOG_ERR, "reload: %s; the running settings stay", err.text);
		return;
	}
	SWAP(m->conf.labels, fresh.labels);
	SWAP(m->conf.approvers, fresh.approvers);
	SWAP(m->conf.keys, fresh.keys);
	m->conf.key_count = m->conf.approver_count = fresh.approver_count;
	SWAP(m->conf.operators, fresh.operators);
	SWAP(m->conf.operator_keys, fresh.operator_keys);
	m->conf.operator_count = m->conf.operators_pinned = fresh.operators_pinned;
	m->conf.threshold = fresh.threshold;
	m->conf.key_epoch = fresh.key_epoch;
	m->conf.mode = fresh.mode;
	m->conf.default_deny = fresh.default_deny;
	m->conf.established = fresh.established;
	if (fresh.lease_ns && fresh.lease_ns < CONFIG_LEASE_WINDOWS * m->conf.window_ns)
		weir_log(WEIR_LOG_WARN, "reload: agent.lease is too short for the running window.length; "
					"the running lease stays until a restart");
	else
		m->conf.lease_ns = fresh.lease_ns;
	m->conf.detail = fresh.detail;
	m->conf.max_rows = fresh.max_rows;
	m->conf.retire_ns = fresh.retire_ns;
	set_mode(m);
	follow_names(m);
	weir_log(WEIR_LOG_INFO,
		 "reload: mode, lease, labels, approvers, detail and retirement taken from %s", m->path);
}

static int on_signal(int signo, void *arg)
{
	struct manager *m = arg;

	if (signo == SIGHUP) {
		reload(m);
		keys_look(m->keys);
		return 0;
	}
	weir_log(WEIR_LOG_INFO, "leaving; counting and enforcement go on in the kernel");
	weir_loop_stop(m->loop, 0);
	return 0;
}

/* Two agents on one spool would count twice. */
static int lock_state(struct manager *m, struct weir_err *err)
{
	weir_auto_free char *path = weir_strf("%s/lock", m->conf.state_dir);
	int r = weir_mkdir_p(m->conf.state_dir, 0700);

	if (r < 0 || !path)
		return weir_err_set(err, r < 0 ? r : -ENOMEM, "%s: %s", m->conf.state_dir,
				    strerror(-r));
	m->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (m->lock < 0)
		return weir_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(m->lock, LOCK_EX | LOCK_NB) < 0)
		return weir_err_set(err, -errno, "%s: another weir-agent runs here", path);
	return 0;
}

static void say_refused(const char *text)
{
	weir_log(WEIR_LOG_INFO, "not in this kernel: %s", text);
}

static int open_probe(struct manager *m, struct weir_err *err)
{
	const struct config *c = &m->conf;
	const struct probe_conf pc = {
		.cgroup_root = c->cgroup_root,
		.pin_dir = c->pin_dir,
		.hooks = c->hooks,
		.interfaces = (const char *const *)c->interfaces,
		.inside = (const char *const *)c->inside,
		.local = (const char *const *)c->local,
		.flow_rows = c->flow_rows,
		.flow_rows6 = c->flow_rows6,
		.total_rows = c->total_rows,
		.workloads = c->workloads,
		.nat_rows = c->nat_rows,
		.prefixes = c->prefixes,
		.decisions = c->decisions,
		.ranges = c->ranges,
		.health_rows = c->health_rows,
		.flow_health_rows = c->flow_health_rows,
	};
	/* News first: what appears while the probe looks around is told twice, never missed. */
	int r = ifaces_open(&m->links);

	if (r < 0)
		return weir_err_set(err, r, "news of interfaces: %s", strerror(-r));
	r = probe_open(&pc, &m->probe, err);
	if (r < 0)
		return weir_err_set(err, r, "loading BPF: %s", strerror(-r));
	weir_log(WEIR_LOG_INFO, "hooks in use: %s", probe_hooks(m->probe));
	probe_each_refused(m->probe, say_refused);
	return 0;
}

static int open_spool(struct manager *m, struct weir_err *err)
{
	weir_auto_free char *dir = weir_strf("%s/spool", m->conf.state_dir);
	const struct spool_conf sc = {.dir = dir,
				      .max = m->conf.spool_max,
				      .segment = m->conf.spool_segment,
				      .fold = harvest_fold};
	struct weir_err note = {0};
	int r = dir ? spool_open(&sc, &m->spool, &note, err) : -ENOMEM;

	if (*note.text)
		weir_log(WEIR_LOG_WARN, "%s", note.text);
	return r;
}

static int open_network(struct manager *m, struct weir_err *err)
{
	const struct config *c = &m->conf;
	struct utsname un = {0};
	struct weir_hello self = {
		.wire = WEIR_WIRE_VERSION,
		.node = c->name,
		.version = WEIR_VERSION,
		.hooks = probe_hooks(m->probe),
		.domain = c->domain,
		.node_class = c->class,
	};
	int r = 0;

	uname(&un);
	self.kernel = un.release;
	if (*c->telemetry || *c->control)
		r = weir_key_load(c->node_key, &m->key, err);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", c->node_key, strerror(-r));
	r = witness_open(c->state_dir, *c->control, &m->witness);
	if (r == 0)
		r = keys_new(m->loop, &m->conf, m->key, &m->keys, err);
	if (r == 0)
		r = policy_new(m->loop, c, &self, m->key, m->probe, m->gate, &m->policy, err);
	if (r == 0 && *c->telemetry)
		r = uplink_new(m->loop, c, &self, m->key, m->spool, &m->uplink, err);
	if (r < 0)
		return r;
	policy_witness(m->policy, m->witness);
	if (m->uplink)
		uplink_witness(m->uplink, m->witness);
	keys_follow(m->keys, policy_link(m->policy));
	keys_follow(m->keys, m->uplink ? uplink_link(m->uplink) : NULL);
	return 0;
}

/* Counting matters more than being looked at: without the socket the agent runs all the same. */
static int open_metrics(struct manager *m)
{
	const struct metrics_conf mc = {.conf = &m->conf, .probe = m->probe, .spool = m->spool, .policy = m->policy,
					.uplink = m->uplink};
	weir_auto_free char *path = *m->conf.socket ? strdup(m->conf.socket)
						    : weir_strf("%s/agent.sock", m->conf.state_dir);
	struct weir_err err = {0};

	if (!path)
		return -ENOMEM;
	if (metrics_new(&mc, path, m->loop, &m->metrics, &err) < 0)
		weir_log(WEIR_LOG_WARN, "agent.socket: no /metrics: %s", err.text);
	return 0;
}

static int start(struct manager *m, struct weir_err *err)
{
	int r = lock_state(m, err);

	/* Signals are blocked here, before the network's library starts threads. */
	if (r == 0)
		r = weir_loop_new(&m->loop, on_signal, m);
	if (r == 0)
		r = open_probe(m, err);
	if (r == 0)
		r = ident_new(m->conf.cgroup_root, m->conf.labels, m->conf.workloads, &m->ident,
			      err);
	if (r == 0)
		r = ident_set_node(m->ident, m->conf.name);
	if (r == 0)
		r = open_spool(m, err);
	if (r == 0)
		r = harvest_new(&m->conf, m->probe, m->ident, m->spool, &m->harvest, err);
	if (r == 0)
		r = gate_new(m->probe, m->ident, &m->gate);
	if (r < 0)
		return r;
	set_mode(m);
	follow_names(m);
	/* The network's library starts threads, and each would keep what it has. */
	r = privilege_drop(&m->conf, m->path, m->probe, err);
	if (r == 0)
		r = open_network(m, err);
	if (r == 0)
		r = open_metrics(m);
	if (r == 0)
		r = weir_loop_fd(m->loop, ident_fd(m->ident), EPOLLIN, on_cgroups, m, &m->cgroups);
	if (r == 0)
		r = weir_loop_fd(m->loop, m->links, EPOLLIN, on_links, m, &m->news);
	if (r == 0)
		r = weir_loop_timer(m->loop, 0, m->conf.window_ns, on_window, m, &m->window);
	if (r == 0)
		r = weir_loop_timer(m->loop, 0, TRANSLATIONS_NS, on_translations, m, &m->translations);
	return r;
}

int manager_new(struct config *c, const char *path, struct manager **ret, struct weir_err *err)
{
	weir_cleanup(manager_freep) struct manager *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	m->lock = m->links = -1;
	m->conf = *c;
	memset(c, 0, sizeof(*c));
	m->path = strdup(path);
	r = m->path ? start(m, err) : -ENOMEM;
	if (r < 0)
		return weir_err_set(err, r, "start: %s", strerror(-r));
	*ret = weir_take_ptr(m);
	return 0;
}

int manager_rollback(struct manager *m, char text[ROLLBACK_TEXT_MAX])
{
	return policy_rollback(m->policy, text);
}

int manager_run(struct manager *m)
{
	return weir_loop_run(m->loop);
}
