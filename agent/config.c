/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/config.h"

#include <limits.h>
#include <stdarg.h>

#include "agent/probe.h"
#include "bpf/abi/weir_abi.h"
#include "lib/conf/settings.h"
#include "lib/ds/lpm.h"
#include "lib/policy/bundle.h"
#include "lib/wire/msg.h"

#define S 1000000000ull
#define MIB (1ull << 20)
#define AT(m) offsetof(struct config, m)

static const char *const modes[] = {"observe", "shadow", "enforce", NULL};
static const char *const established[] = {"cut", "keep", NULL};
static const char *const details[] = {"service", "connection", "total", NULL};

static const struct weir_setting table[] = {
	{"node.name", WEIR_SET_STR, AT(name), "", 0, 0, NULL,
	 "Name of this node, as in its key and certificate; empty = the host name."},
	{"node.domain", WEIR_SET_STR, AT(domain), "default", 0, 0, NULL,
	 "Where this node's private addresses are unique: provider, account, VPC or cluster."},
	{"node.class", WEIR_SET_STR, AT(class), "default", 0, 0, NULL,
	 "Which policy bundle this node takes, \"<domain>/<subnet>\" of the topology."},
	{"node.address", WEIR_SET_STR, AT(address), "", 0, 0, NULL,
	 "Main address of this node; empty = not stated."},
	{"agent.mode", WEIR_SET_ENUM, AT(mode), "observe", 0, 0, modes,
	 "observe counts only, shadow also evaluates and counts verdicts, enforce drops."},
	{"agent.state_dir", WEIR_SET_STR, AT(state_dir), "/var/lib/weir-agent", 0, 0, NULL,
	 "Spool and last applied bundle live here; it must survive a reboot."},
	{"agent.user", WEIR_SET_STR, AT(user), "weir-agent", 0, 0, NULL,
	 "Whom an agent that was started as root becomes once it is attached, a name or a number; root = it "
	 "stays root, with the same three capabilities."},
	{"agent.socket", WEIR_SET_STR, AT(socket), "", 0, 0, NULL,
	 "Unix socket with this agent's own /metrics, mode 0660; empty = agent.sock in agent.state_dir."},
	{"agent.default_deny", WEIR_SET_BOOL, AT(default_deny), "false", 0, 0, NULL,
	 "In enforce mode, deny everything but the failsafe list until a first bundle was "
	 "applied."},
	{"agent.lease", WEIR_SET_DURATION, AT(lease_ns), "0s", 0, 86400 * S, NULL,
	 "Without an agent for this long enforcement ends by itself: verdicts, limits and pacing, "
	 "until one is back; 0 = it never ends."},
	{"agent.established", WEIR_SET_ENUM, AT(established), "cut", 0, 0, established,
	 "What a new denial does to TCP connections that stand: cut stops them at once, keep lets them end."},
	{"server.telemetry", WEIR_SET_STR, AT(telemetry), "", 0, 0, NULL,
	 "Where summaries go, \"tls+tcp://host:7471\"; empty = they stay in the spool."},
	{"server.control", WEIR_SET_STR, AT(control), "", 0, 0, NULL,
	 "Where bundles come from, \"tls+tcp://host:7472\"; empty = none are fetched."},
	{"server.name", WEIR_SET_STR, AT(server_name), "", 0, 0, NULL,
	 "Name the server's certificate must carry; empty = the host of the URL."},
	{"tls.ca", WEIR_SET_STR, AT(ca), "/etc/weir/ca.pem", 0, 0, NULL,
	 "PEM file of the authority that signs the server's certificate."},
	{"tls.cert", WEIR_SET_STR, AT(cert), "/etc/weir/cert.pem", 0, 0, NULL,
	 "PEM file of this node's certificate."},
	{"tls.key", WEIR_SET_STR, AT(key), "/etc/weir/key.pem", 0, 0, NULL,
	 "PEM file of the key to tls.cert."},
	{"tls.crl", WEIR_SET_STR, AT(crl), "", 0, 0, NULL,
	 "PEM file of the authorities' revocation lists, which the server's certificate must not be in; empty = none."},
	{"tls.warn", WEIR_SET_DURATION, AT(warn_ns), "30d", 0, 3660 * 86400 * S, NULL,
	 "Before tls.cert or its authority ends, that is said once a day for this long."},
	{"identity.key", WEIR_SET_STR, AT(node_key), "/etc/weir/node.key", 0, 0, NULL,
	 "This node's Ed25519 key, with which it proves its name in a session."},
	{"identity.labels", WEIR_SET_STR, AT(labels), "", 0, 0, NULL,
	 "Labels file (kind: Labels) for hosts without an orchestrator; empty = none."},
	{"trust.approvers", WEIR_SET_STRS, AT(approvers), "", 0, 0, NULL,
	 "Public keys whose signatures approve bundles, \"ed25519:...\"; empty = no bundle is "
	 "accepted."},
	{"trust.threshold", WEIR_SET_U32, AT(threshold), "1", 1, WEIR_MAX_SIGNERS, NULL,
	 "How many distinct approvers must have signed."},
	{"trust.revoked", WEIR_SET_STR, AT(revoked), "", 0, 0, NULL,
	 "File of revoked keys, one \"ed25519:...\" a line: signatures of those approvers and operators do not count; empty = none."},
	{"trust.operators", WEIR_SET_STRS, AT(operators), "", 0, 0, NULL,
	 "Public keys of those of whom one can, in an emergency, order the return to the bundle before; empty = "
	 "only root on the node can (weir-agent --rollback)."},
	{"trust.key_epoch", WEIR_SET_U32, AT(key_epoch), "0", 0, WEIR_KEY_EPOCH_MAX, NULL,
	 "Number of this set of approvers (keyEpoch of weir.yaml): bundles of a later one are refused, and "
	 "once one of a set was in force also those of earlier ones."},
	{"trust.max_bundle", WEIR_SET_SIZE, AT(max_bundle), "8MiB", 1024, WEIR_BUNDLE_MAX, NULL,
	 "Largest bundle that this node takes; a larger one is refused, the running one stays."},
	{"bpf.cgroup_root", WEIR_SET_STR, AT(cgroup_root), "", 0, 0, NULL,
	 "cgroup v2 directory whose sockets are counted; empty = the whole hierarchy."},
	{"bpf.pin_dir", WEIR_SET_STR, AT(pin_dir), "/sys/fs/bpf/weir", 0, 0, NULL,
	 "Directory of a BPF file system for pinned maps and links."},
	{"bpf.interfaces", WEIR_SET_STRS, AT(interfaces), "eth*,en*", 0, 0, NULL,
	 "Patterns of interfaces to follow: observed, legs of a gateway, guarded by XDP."},
	{"bpf.hooks", WEIR_SET_STRS, AT(hook_names), "cgroup,observer", 0, 0, NULL,
	 "What is on: cgroup counts and enforces at sockets, observer holds an interface's truth, "
	 "gateway counts and enforces what is forwarded between interfaces, xdp drops early what is "
	 "denied to everybody."},
	{"bpf.inside", WEIR_SET_STRS, AT(inside), "", 0, 0, NULL,
	 "Patterns of a gateway's interfaces towards those whose traffic it forwards; empty = the "
	 "sender's side is."},
	{"bpf.local", WEIR_SET_STRS, AT(local), "veth*,lxc*,cali*", 0, 0, NULL,
	 "Patterns of interfaces whose far end is on this node: counted at its sockets, so that a "
	 "gateway leaves them alone."},
	{"bpf.flow_rows", WEIR_SET_U32, AT(flow_rows), "65536", 64, 1u << 22, NULL,
	 "IPv4 flows counted in detail at once, a power of two; 96 bytes each."},
	{"bpf.flow_rows6", WEIR_SET_U32, AT(flow_rows6), "16384", 64, 1u << 22, NULL,
	 "IPv6 flows counted in detail at once, a power of two; 128 bytes each."},
	{"bpf.total_rows", WEIR_SET_U32, AT(total_rows), "4096", 64, 1u << 20, NULL,
	 "Totals kept when the flow table is full, a power of two."},
	{"bpf.workloads", WEIR_SET_U32, AT(workloads), "8192", 16, 1u << 20, NULL,
	 "Workloads that can be told apart at once."},
	{"bpf.nat_rows", WEIR_SET_U32, AT(nat_rows), "16384", 16, 1u << 20, NULL,
	 "Connections to virtual addresses (DNAT) whose backend is remembered at once."},
	{"bpf.prefixes", WEIR_SET_U32, AT(prefixes), "65536", 16, 1u << 22, NULL,
	 "Address prefixes of one bundle; some 150 bytes of kernel memory each."},
	{"bpf.decisions", WEIR_SET_U32, AT(decisions), "65536", 16, 1u << 22, NULL,
	 "Decisions (subject, peer, direction, protocol) of one bundle; 16 bytes of kernel memory each."},
	{"bpf.ranges", WEIR_SET_U32, AT(ranges), "131072", 16, 1u << 22, NULL,
	 "Port ranges of one bundle."},
	{"bpf.health_rows", WEIR_SET_U32, AT(health_rows), "4096", 16, 1u << 16, NULL,
	 "Rows of TCP health, one per workload and kind of peer; beyond them one row takes all."},
	{"bpf.flow_health_rows", WEIR_SET_U32, AT(flow_health_rows), "16384", 64, 1u << 22, NULL,
	 "Places for round trips and retransmits of flows, 64 bytes each: one for all connections of a workload with one peer that "
	 "the same side opens; a power of two. Beyond them they are in TCP health alone, not told by path."},
	{"bpf.flow_health", WEIR_SET_DURATION, AT(flow_health_ns), "1m", S / 2, 86400 * S, NULL,
	 "How often round trips and retransmits of flows are reported: with the window that ends a multiple of this."},
	{"bpf.health_pass", WEIR_SET_DURATION, AT(health_pass_ns), "10s", S / 2, 86400 * S, NULL,
	 "How often TCP health is reported and idle sockets are settled, these less often where it would cost 0.1 % of a CPU."},
	{"window.length", WEIR_SET_DURATION, AT(window_ns), "2s", S / 10, 3600 * S, NULL,
	 "Interval for which counts become one summary, aligned to the wall clock."},
	{"window.detail", WEIR_SET_ENUM, AT(detail), "service", 0, 0, details,
	 "service cuts client ports, connection keeps them, total keeps no addresses at all."},
	{"window.max_rows", WEIR_SET_U32, AT(max_rows), "10000", 0, WEIR_SUMMARY_ROWS_MAX / 2, NULL,
	 "Largest rows kept in detail in one summary; the rest is folded, totals stay exact."},
	{"window.retire", WEIR_SET_DURATION, AT(retire_ns), "30s", S, 86400 * S, NULL,
	 "A flow without packets for this long gives its row back."},
	{"spool.max", WEIR_SET_SIZE, AT(spool_max), "256MiB", MIB / 4, 1ull << 40, NULL,
	 "Most the spool may hold; then the oldest windows lose detail, never bytes."},
	{"spool.segment", WEIR_SET_SIZE, AT(spool_segment), "4MiB", 1ull << 16, 1ull << 30, NULL,
	 "Size of one spool file."},
};

void config_fini(struct config *c)
{
	free(c->keys);
	free(c->operator_keys);
	c->keys = c->operator_keys = NULL;
	weir_settings_fini(table, WEIR_ARRAY_SIZE(table), c);
}

int config_print(FILE *f)
{
	return weir_settings_print(table, WEIR_ARRAY_SIZE(table), f);
}

/* A value that parsed but cannot be used: the message names the place in the file, read once more.
 */
static int WEIR_PRINTF(5, 6) bad(const char *path, const char *section, const char *key,
				 struct weir_err *err, const char *fmt, ...)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_y *y = NULL, *value = NULL;
	char text[384];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (weir_ydoc_load(path, &doc, NULL) == 0 && weir_ydoc_count(doc))
		y = weir_y_find(weir_ydoc_root(doc, 0), section);
	if (y)
		value = weir_y_find(y, key);
	if (value)
		return weir_y_err(value, err, "%s", text);
	return weir_err_set(err, -EINVAL, "%s:1:1 %s.%s: %s", path, section, key, text);
}

static int decode_hooks(struct config *c, const char *path, struct weir_err *err)
{
	static const struct {
		const char *name;
		enum probe_hook bit;
	} hooks[] = {{"cgroup", PROBE_CGROUP},
		     {"observer", PROBE_OBSERVER},
		     {"gateway", PROBE_GATEWAY},
		     {"xdp", PROBE_XDP}};

	c->hooks = 0;
	for (size_t i = 0; c->hook_names && c->hook_names[i]; i++) {
		uint32_t bit = 0;

		for (size_t k = 0; k < WEIR_ARRAY_SIZE(hooks); k++)
			bit |= strcmp(hooks[k].name, c->hook_names[i]) ? 0 : hooks[k].bit;
		if (!bit)
			return bad(path, "bpf", "hooks", err,
				   "\"%s\" is no hook; want cgroup, observer, gateway, xdp", c->hook_names[i]);
		c->hooks |= bit;
	}
	return c->hooks ? 0 : bad(path, "bpf", "hooks", err, "with no hook at all nothing is counted");
}

static int check_power(uint32_t v, const char *path, const char *key, struct weir_err *err)
{
	return v & (v - 1) ? bad(path, "bpf", key, err, "%u is not a power of two", v) : 0;
}

/* The keys of a list; *ret is the caller's to free, also after a failure. */
static int decode_keys(char **texts, const char *path, const char *name, uint8_t (**ret)[WEIR_KEY_LEN],
		       size_t *ret_count, struct weir_err *err)
{
	size_t n = 0;

	while (texts && texts[n])
		n++;
	if (n > WEIR_MAX_SIGNERS)
		return bad(path, "trust", name, err, "at most %d keys", WEIR_MAX_SIGNERS);
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (weir_pub_parse(texts[i], (*ret)[i]))
			return bad(path, "trust", name, err, "\"%s\" is no key; want ed25519:<base64>", texts[i]);
		for (size_t j = 0; j < i; j++) {
			if (!memcmp((*ret)[i], (*ret)[j], WEIR_KEY_LEN))
				return bad(path, "trust", name, err, "same key twice");
		}
	}
	*ret_count = n;
	return 0;
}

static int decode_trust(struct config *c, const char *path, struct weir_err *err)
{
	int r = decode_keys(c->approvers, path, "approvers", &c->keys, &c->approver_count, err);

	c->key_count = c->approver_count;
	if (r == 0 && c->key_count && c->threshold > c->key_count)
		return bad(path, "trust", "threshold", err, "%u of %zu approvers cannot be reached", c->threshold,
			   c->key_count);
	if (r == 0)
		r = decode_keys(c->operators, path, "operators", &c->operator_keys, &c->operators_pinned, err);
	c->operator_count = c->operators_pinned;
	return r;
}

/* Those that are not revoked come first; returns how many. */
static size_t sort_out(uint8_t (*keys)[WEIR_KEY_LEN], size_t count, const struct weir_revoked *revoked)
{
	uint8_t key[WEIR_KEY_LEN];
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		if (weir_revoked_has(revoked, keys[i]))
			continue;
		memcpy(key, keys[i], sizeof(key));
		memcpy(keys[i], keys[good], sizeof(key));
		memcpy(keys[good++], key, sizeof(key));
	}
	return good;
}

void config_revoke(struct config *c, const struct weir_revoked *revoked)
{
	c->key_count = sort_out(c->keys, c->approver_count, revoked);
	c->operator_count = sort_out(c->operator_keys, c->operators_pinned, revoked);
}

static int default_name(struct config *c)
{
	char host[HOST_NAME_MAX + 1] = "";
	char *name;

	if (c->name && *c->name)
		return 0;
	if (gethostname(host, sizeof(host) - 1) < 0)
		return -errno;
	name = strdup(host);
	if (!name)
		return -ENOMEM;
	free(c->name);
	c->name = name;
	return 0;
}

static int check(struct config *c, const char *path, struct weir_err *err)
{
	struct weir_addr a;
	int r = default_name(c);

	if (r < 0)
		return bad(path, "node", "name", err, "no host name: %s", strerror(-r));
	if (!*c->name || strlen(c->name) >= WEIR_NODE_MAX || strchr(c->name, '/'))
		return bad(path, "node", "name", err, "want 1 to %d characters without '/'",
			   WEIR_NODE_MAX - 1);
	if (*c->address && weir_addr_parse(c->address, &a))
		return bad(path, "node", "address", err, "\"%s\" is no IP address", c->address);
	if (c->state_dir[0] != '/')
		return bad(path, "agent", "state_dir", err, "want an absolute path");
	if (c->pin_dir[0] != '/')
		return bad(path, "bpf", "pin_dir", err, "want an absolute path");
	if (c->spool_segment * 4 > c->spool_max)
		return bad(path, "spool", "segment", err, "at most a quarter of spool.max");
	if (c->lease_ns && c->lease_ns < CONFIG_LEASE_WINDOWS * c->window_ns)
		return bad(path, "agent", "lease", err,
			   "want 0 or at least %d times window.length, each window renews it",
			   CONFIG_LEASE_WINDOWS);
	r = check_power(c->flow_rows, path, "flow_rows", err);
	if (r == 0)
		r = check_power(c->flow_rows6, path, "flow_rows6", err);
	if (r == 0)
		r = check_power(c->total_rows, path, "total_rows", err);
	if (r == 0)
		r = check_power(c->flow_health_rows, path, "flow_health_rows", err);
	if (r == 0)
		r = decode_hooks(c, path, err);
	if (r == 0)
		r = decode_trust(c, path, err);
	return r;
}

int config_load(const char *path, struct config *ret, struct weir_err *err)
{
	int r = weir_settings_load(table, WEIR_ARRAY_SIZE(table), path, ret, err);

	if (r < 0 || !path)
		return r;
	r = check(ret, path, err);
	if (r < 0)
		config_fini(ret);
	return r;
}
