/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/keys.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/creds.h"
#include "lib/os/watch.h"

/* Connections of one socket closed in one sweep: each costs a handshake, a session and what the agent asks first. */
#define RENEW_STEP 16
/* A peer whose certificate ended stays no longer than this. */
#define RENEW_AGE_NS (86400 * WEIR_NS_PER_S)
/* A key of a node that was written in place does not show at the directory: of all sessions a few in each sweep. */
#define RECHECK_SWEEPS 60
#define DAY_S 86400

struct keys {
	struct service *sv;
	struct weir_creds *creds;
	struct weir_watch nodes, revoked_watch;
	struct weir_revoked *revoked;
	bool revoked_broken;
	uint64_t now_ns;
};

void keys_free(struct keys *k)
{
	if (!k)
		return;
	weir_creds_free(k->creds);
	weir_revoked_free(k->revoked);
	free(k);
}

static void keys_freep(struct keys **k)
{
	keys_free(*k);
}

int keys_new(struct service *sv, struct keys **ret, struct weir_err *err)
{
	weir_cleanup(keys_freep) struct keys *k = calloc(1, sizeof(*k));
	const struct config *c = &sv->config;
	const struct weir_creds_files files = {.ca = c->tls_ca, .cert = c->tls_cert, .key = c->tls_key,
					       .crl = c->tls_crl};
	int r = k ? 0 : -ENOMEM;

	if (!r) {
		k->sv = sv;
		weir_watch_init(&k->nodes, (const char *const *)&c->nodes_dir, 1);
		weir_watch_init(&k->revoked_watch, (const char *const *)&c->nodes_revoked, 1);
		r = weir_creds_new(&files, &k->creds);
	}
	if (!r)
		r = weir_revoked_load(c->nodes_revoked, &k->revoked, err);
	if (r)
		return r;
	sv->cert_expires_s = weir_creds_expires_s(k->creds);
	sessions_revoke(sv->sessions, k->revoked);
	*ret = weir_take_ptr(k);
	return 0;
}

static int rotate(struct service *sv, struct weir_err *err)
{
	const struct config *c = &sv->config;
	const struct weir_tls_files tls = {.ca = c->tls_ca, .cert = c->tls_cert, .key = c->tls_key,
					   .crl = c->tls_crl};
	int r = weir_wire_server_rotate(sv->telemetry, &tls, err);

	return r ? r : weir_wire_server_rotate(sv->control_wire, &tls, err);
}

static void look_at_tls(struct keys *k, uint64_t now_ns, bool at_once)
{
	struct service *sv = k->sv;
	uint64_t now_s = now_ns / WEIR_NS_PER_S, until = weir_creds_expires_s(k->creds);
	struct weir_err err = {0};
	char expires[24];
	int r = weir_creds_poll(k->creds, now_s, at_once, &err);

	if (r > 0)
		r = rotate(sv, &err) ? -EINVAL : 1;
	if (r > 0) {
		until = weir_creds_expires_s(k->creds);
		snprintf(expires, sizeof(expires), "%" PRIu64, until);
		weir_log(WEIR_LOG_INFO, "tls: certificate, key, authorities and revocation lists are taken anew from "
					"their files");
		service_audited(audit_add(sv->audit, now_ns, "keys-rotated", "expires_s", expires, NULL));
	}
	if (r < 0) {
		weir_creds_reject(k->creds);
		weir_log(WEIR_LOG_ERR, "tls: new files refused: %s; what they held before stays in use", err.text);
		service_audited(audit_add(sv->audit, now_ns, "keys-refused", "reason", err.text, NULL));
	}
	sv->cert_expires_s = until;
	if (weir_creds_remind(k->creds, now_s, sv->config.tls_warn_ns / WEIR_NS_PER_S))
		weir_log(WEIR_LOG_WARN, "tls: %s ends in %" PRIu64 " days: then no agent can connect; make a new one with "
					"weirctl pki rotate", sv->config.tls_cert,
			 until > now_s ? (until - now_s) / DAY_S : 0);
}

static bool look_at_revoked(struct keys *k, uint64_t now_ns, bool at_once)
{
	struct weir_revoked *fresh = NULL;
	struct weir_err err = {0};
	char count[24];

	if (!weir_watch_moved(&k->revoked_watch, at_once))
		return false;
	k->revoked_broken = weir_revoked_load(k->sv->config.nodes_revoked, &fresh, &err) < 0;
	if (k->revoked_broken) {
		weir_log(WEIR_LOG_ERR, "nodes.revoked: new list refused: %s; the one before stays in use", err.text);
		service_audited(audit_add(k->sv->audit, now_ns, "keys-refused", "reason", err.text, NULL));
		return false;
	}
	sessions_revoke(k->sv->sessions, fresh);
	weir_revoked_free(k->revoked);
	k->revoked = fresh;
	snprintf(count, sizeof(count), "%zu", weir_revoked_count(fresh));
	weir_log(WEIR_LOG_INFO, "nodes.revoked: %s keys are revoked", count);
	service_audited(audit_add(k->sv->audit, now_ns, "revocations", "keys", count, NULL));
	return true;
}

static void on_ended(const struct session *s, const char *why, void *arg)
{
	struct keys *k = arg;
	const char *socket = s->kind == WEIR_SOCKET_CONTROL ? "control" : "telemetry";

	weir_log(WEIR_LOG_WARN, "agent %s: its session (%s) ends: %s", s->node, socket, why);
	service_audited(audit_add(k->sv->audit, k->now_ns, "session-ended", "node", s->node, "socket", socket, "reason",
				  why, NULL));
	weir_wire_cut(s->kind == WEIR_SOCKET_CONTROL ? k->sv->control_wire : k->sv->telemetry, s->peer);
}

void keys_poll(struct keys *k, uint64_t now_ns, bool at_once)
{
	size_t some = sessions_count(k->sv->sessions) / RECHECK_SWEEPS + 1;
	bool moved = weir_watch_moved(&k->nodes, at_once);

	k->now_ns = now_ns;
	look_at_tls(k, now_ns, at_once);
	moved |= look_at_revoked(k, now_ns, at_once);
	if (sessions_recheck(k->sv->sessions, moved || at_once ? SIZE_MAX : some, on_ended, k))
		weir_log_err(-ENOMEM, "sessions");
	k->sv->keys_broken = k->revoked_broken || weir_creds_broken(k->creds);
	(void)weir_wire_server_renew(k->sv->telemetry, RENEW_AGE_NS, RENEW_STEP);
	(void)weir_wire_server_renew(k->sv->control_wire, RENEW_AGE_NS, RENEW_STEP);
}
