/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keys.h"

#include <assert.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/os/creds.h"
#include "lib/os/watch.h"

#define LOOK_NS WEIR_NS_PER_S

struct keys {
	struct config *conf;
	struct weir_key *node_key;
	struct weir_revoked *revoked;
	struct weir_creds *creds; /* NULL without a network */
	struct weir_watch node_watch, revoked_watch;
	bool node_broken, revoked_broken;
	struct link *links[KEYS_LINKS];
	size_t link_count;
	struct weir_source *timer;
};

void keys_free(struct keys *k)
{
	if (!k)
		return;
	weir_source_free(k->timer);
	weir_creds_free(k->creds);
	weir_revoked_free(k->revoked);
	free(k);
}

static void keys_freep(struct keys **k)
{
	keys_free(*k);
}

static void key_freep(struct weir_key **k)
{
	weir_key_free(*k);
}

static void look_at_tls(struct keys *k, bool at_once)
{
	uint64_t now_s = weir_wall_ns() / WEIR_NS_PER_S, days;
	struct weir_err err = {0};
	int r = k->creds ? weir_creds_poll(k->creds, now_s, at_once, &err) : 0;

	for (size_t i = 0; r > 0 && i < k->link_count; i++)
		r = link_rotate(k->links[i], k->conf, &err) < 0 ? -EINVAL : 1;
	if (r > 0)
		weir_log(WEIR_LOG_INFO, "tls: certificate, key, authorities and revocation list are taken anew from "
					"their files");
	if (r < 0) {
		weir_creds_reject(k->creds);
		weir_log(WEIR_LOG_ERR, "tls: new files refused: %s; what they held before stays in use", err.text);
	}
	if (!k->creds || !weir_creds_remind(k->creds, now_s, k->conf->warn_ns / WEIR_NS_PER_S))
		return;
	days = weir_creds_expires_s(k->creds) > now_s ? (weir_creds_expires_s(k->creds) - now_s) / 86400 : 0;
	weir_log(WEIR_LOG_WARN, "tls: %s ends in %llu days: then this node is cut off; make a new one with weirctl pki rotate",
		 k->conf->cert, (unsigned long long)days);
}

static void look_at_node_key(struct keys *k, bool at_once)
{
	weir_cleanup(key_freep) struct weir_key *fresh = NULL;
	uint8_t was[WEIR_KEY_LEN], now[WEIR_KEY_LEN];
	struct weir_err err = {0};
	char id[17];
	int r;

	if (!k->node_key || !weir_watch_moved(&k->node_watch, at_once))
		return;
	r = weir_key_load(k->conf->node_key, &fresh, &err);
	if (r == 0)
		r = weir_key_public(k->node_key, was);
	if (r == 0)
		r = weir_key_public(fresh, now);
	if (r < 0) {
		k->node_broken = true;
		weir_log(WEIR_LOG_ERR, "identity: new key refused: %s; the one before stays in use",
			 *err.text ? err.text : strerror(-r));
		return;
	}
	k->node_broken = false;
	if (!memcmp(was, now, sizeof(was)))
		return;
	weir_key_swap(k->node_key, fresh);
	weir_log(WEIR_LOG_INFO, "identity: the next session is signed with the new key %s of %s", weir_pub_id(now, id),
		 k->conf->node_key);
}

static int load_revoked(struct keys *k, struct weir_err *err)
{
	struct weir_revoked *fresh = NULL;
	int r = weir_revoked_load(k->conf->revoked, &fresh, err);

	if (r < 0)
		return r;
	weir_revoked_free(k->revoked);
	k->revoked = fresh;
	return 0;
}

/* Always: the approvers may be other ones now. */
static void apply_revoked(struct keys *k)
{
	config_revoke(k->conf, k->revoked);
	if (k->conf->approver_count && k->conf->key_count < k->conf->threshold)
		weir_log(WEIR_LOG_WARN, "trust: %zu of %zu approvers are not revoked and %u must sign: no bundle can be "
					"accepted", k->conf->key_count, k->conf->approver_count, k->conf->threshold);
}

static void look_at_revoked(struct keys *k, bool at_once)
{
	struct weir_err err = {0};

	if (!weir_watch_moved(&k->revoked_watch, at_once)) {
		if (at_once)
			apply_revoked(k);
		return;
	}
	k->revoked_broken = load_revoked(k, &err) < 0;
	if (k->revoked_broken)
		weir_log(WEIR_LOG_ERR, "trust: new list of revoked keys refused: %s; the one before stays in use", err.text);
	else if (*k->conf->revoked)
		weir_log(WEIR_LOG_INFO, "trust: %zu revoked keys in %s", weir_revoked_count(k->revoked), k->conf->revoked);
	apply_revoked(k);
}

static int on_timer(uint32_t events, void *arg)
{
	struct keys *k = arg;

	(void)events;
	look_at_tls(k, false);
	look_at_node_key(k, false);
	look_at_revoked(k, false);
	return 0;
}

int keys_new(struct weir_loop *loop, struct config *c, struct weir_key *node_key, struct keys **ret,
	     struct weir_err *err)
{
	weir_cleanup(keys_freep) struct keys *k = calloc(1, sizeof(*k));
	const struct weir_creds_files files = {.ca = c->ca, .cert = c->cert, .key = c->key, .crl = c->crl};
	int r = k ? 0 : -ENOMEM;

	if (r == 0) {
		k->conf = c;
		k->node_key = node_key;
		weir_watch_init(&k->node_watch, (const char *const *)&c->node_key, 1);
		weir_watch_init(&k->revoked_watch, (const char *const *)&c->revoked, 1);
		r = load_revoked(k, err);
	}
	if (r == 0 && node_key)
		r = weir_creds_new(&files, &k->creds);
	if (r == 0)
		r = weir_loop_timer(loop, LOOK_NS, LOOK_NS, on_timer, k, &k->timer);
	if (r < 0)
		return r;
	apply_revoked(k);
	*ret = weir_take_ptr(k);
	return 0;
}

void keys_follow(struct keys *k, struct link *l)
{
	if (!l)
		return;
	assert(k->link_count < KEYS_LINKS);
	k->links[k->link_count++] = l;
}

void keys_look(struct keys *k)
{
	look_at_tls(k, true);
	look_at_node_key(k, true);
	look_at_revoked(k, true);
}

uint64_t keys_expires_s(const struct keys *k)
{
	return k->creds ? weir_creds_expires_s(k->creds) : 0;
}

bool keys_broken(const struct keys *k)
{
	return k->node_broken || k->revoked_broken || (k->creds && weir_creds_broken(k->creds));
}
