/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An aggregator that lies: it has the server's certificate and, as an approver gave it away, his key. It serves
 * one agent one push of a kind that no honest one sends, and prints what the agent says of it.
 *
 *   hostile URL PKI-DIR REPO APPROVER-KEY CLASS SERIAL KIND
 *
 * KIND is one of the table below; REPO gives the bundles. With the kind "stored:FILE" the push is the file's,
 * as an agent stores it. Prints "refused REASON, SERIAL in force" (exit 0) or "taken".
 */
#include <poll.h>

#include "lib/base/clock.h"
#include "lib/os/file.h"
#include "lib/policy/repo.h"
#include "lib/wire/msg.h"
#include "lib/wire/wire.h"

#define PATIENCE_NS (60 * WEIR_NS_PER_S)
#define DAY_S 86400

struct lie {
	const char *class;
	struct weir_key *key;
	uint8_t pub[WEIR_KEY_LEN];
	struct weir_manifest manifest;
	struct weir_buf text;
	const struct weir_buf *bundles;
	const uint8_t *bundle;
	size_t bundle_len;
	struct weir_push_sig sig;
	struct weir_msg msg;
};

static void sign(struct lie *l)
{
	weir_buf_fini(&l->text);
	l->text = (struct weir_buf){0};
	if (weir_manifest_text(&l->manifest, &l->text) ||
	    weir_key_sign(l->key, l->text.data, l->text.len, l->sig.sig))
		abort();
	memcpy(l->sig.key, l->pub, sizeof(l->pub));
}

static size_t mine(const struct lie *l)
{
	size_t i = 0;

	while (i + 1 < l->manifest.class_count && strcmp(l->manifest.classes[i].name, l->class))
		i++;
	return i;
}

static void unsign(struct lie *l)
{
	l->msg.policy_push.sig_count = 0;
}

static void tamper(struct lie *l)
{
	uint8_t *copy = malloc(l->bundle_len);

	if (!copy)
		abort();
	memcpy(copy, l->bundle, l->bundle_len);
	copy[l->bundle_len / 2] ^= 1;
	l->bundle = copy; /* until the end */
}

static void edit(struct lie *l)
{
	memcpy(memmem(l->text.data, l->text.len, "not-after 20", 12), "not-after 30", 12);
}

static void expire(struct lie *l)
{
	l->manifest.not_before_s -= 2 * DAY_S;
	l->manifest.not_after_s = l->manifest.not_before_s + DAY_S;
	sign(l);
}

/* The bundle of another revision, under this manifest. */
static void mix(struct lie *l)
{
	struct weir_class_ref *c = &l->manifest.classes[mine(l)];

	c->bytes += 8;
	c->digest[0] ^= 1;
	sign(l);
}

static void swap_class(struct lie *l)
{
	size_t other = mine(l) ? 0 : 1;

	l->bundle = l->bundles[other].data;
	l->bundle_len = l->bundles[other].len;
}

static void raise_epoch(struct lie *l)
{
	l->manifest.key_epoch++;
	sign(l);
}

static void leave(struct lie *l)
{
	(void)l;
}

static const struct {
	const char *name;
	void (*tell)(struct lie *l);
} kinds[] = {
	{"unsigned", unsign}, {"tampered", tamper},	   {"edited", edit},		  {"expired", expire},
	{"mixed", mix},	      {"wrong-class", swap_class}, {"key-epoch", raise_epoch}, {"plain", leave},
};

static int prepare(struct lie *l, char **argv, struct weir_err *err)
{
	struct weir_release *release = NULL;
	struct weir_repo *repo = NULL;
	size_t kind = 0;
	int r = weir_repo_load(argv[3], &repo, err, NULL, NULL);

	if (!r)
		r = weir_key_load(argv[4], &l->key, err);
	if (!r)
		r = weir_key_public(l->key, l->pub);
	if (!r)
		r = weir_release_make(repo, strtoull(argv[6], NULL, 10), weir_wall_ns() / WEIR_NS_PER_S, false, &release,
				      err);
	while (!r && strcmp(kinds[kind].name, argv[7]))
		r = ++kind == WEIR_ARRAY_SIZE(kinds) ? weir_err_set(err, -EINVAL, "no kind '%s'", argv[7]) : 0;
	if (r)
		return r;
	l->class = argv[5];
	l->manifest = release->manifest;
	l->bundles = release->bundles;
	l->bundle = release->bundles[mine(l)].data;
	l->bundle_len = release->bundles[mine(l)].len;
	l->msg.policy_push.sig_count = 1;
	sign(l);
	kinds[kind].tell(l);
	l->msg.kind = WEIR_MSG_POLICY_PUSH;
	l->msg.policy_push = (struct weir_policy_push){
		.change = true, .serial = l->manifest.serial, .manifest = l->text.data, .manifest_len = l->text.len,
		.sigs = &l->sig, .sig_count = l->msg.policy_push.sig_count, .bundle = l->bundle,
		.bundle_len = l->bundle_len,
	};
	return 0;
}

static int prepare_stored(struct lie *l, const char *path, struct weir_err *err)
{
	struct weir_msg *m;
	char *data;
	size_t len;
	int r = weir_file_read(path, WEIR_CONTROL_MAX, &data, &len);

	if (!r)
		r = weir_reply_unpack(data, len, WEIR_CONTROL_MAX, &m, err);
	if (!r)
		l->msg = *m;
	return r;
}

/* What to answer; *ret_done: the agent has had its say. Anybody may have a session here. */
static void answer(struct lie *l, const struct weir_msg *m, bool *pushed, struct weir_msg *reply, bool *ret_done)
{
	const struct weir_policy_sync *s = &m->policy_sync;
	uint64_t serial = l->msg.policy_push.serial;

	*reply = (struct weir_msg){.kind = WEIR_MSG_POLICY_PUSH};
	if (m->kind == WEIR_MSG_HELLO) {
		reply->kind = WEIR_MSG_CHALLENGE;
		reply->challenge = (struct weir_challenge){.hello_id = 1, .max_message = WEIR_CONTROL_REQ_MAX};
	} else if (m->kind == WEIR_MSG_PROOF) {
		reply->kind = WEIR_MSG_WELCOME;
		memset(reply->welcome.token, 7, sizeof(reply->welcome.token));
	} else if (!*pushed) {
		*pushed = true;
		*reply = l->msg;
	} else if (s->applied_serial == serial && s->refused_serial != serial) {
		printf("taken\n");
		*ret_done = true;
	} else if (s->refused_serial == serial) {
		printf("refused %s, %d in force\n", s->refused_reason, (int)s->applied_serial);
		*ret_done = true;
	}
}

static int serve(struct lie *l, const char *url, const char *pki, struct weir_err *err)
{
	weir_auto_free char *ca = weir_strf("%s/ca/cert.pem", pki), *cert = weir_strf("%s/server/cert.pem", pki);
	weir_auto_free char *key = weir_strf("%s/server/key.pem", pki);
	const struct weir_tls_files tls = {.ca = ca, .cert = cert, .key = key};
	uint64_t until = weir_monotonic_ns() + PATIENCE_NS, id;
	struct weir_wire_server *w;
	bool pushed = false, done = false;
	const struct weir_wire_bounds bounds = {.message = WEIR_CONTROL_REQ_MAX, .requests = 16, .peers = 64};
	int r = weir_wire_listen(url, &tls, &bounds, &w, err);

	while (!r && !done && weir_monotonic_ns() < until) {
		struct pollfd p = {.fd = weir_wire_server_fd(w), .events = POLLIN};
		const void *data;
		size_t len;

		(void)poll(&p, 1, 200);
		while (!done && !weir_wire_next(w, &id, &data, &len)) {
			weir_auto_buf struct weir_buf b = {0};
			struct weir_msg *m = NULL, reply;

			r = weir_request_unpack(data, len, WEIR_CONTROL_REQ_MAX, &m, err);
			if (r)
				return r;
			answer(l, m, &pushed, &reply, &done);
			weir_msg_free(m);
			r = weir_msg_pack(&reply, &b) ?: weir_wire_reply(w, id, b.data ? (const void *)b.data : "", b.len);
		}
	}
	return r || done ? r : weir_err_set(err, -ETIMEDOUT, "the agent said nothing of it");
}

int main(int argc, char **argv)
{
	struct lie l = {.class = ""};
	struct weir_err err = {{0}};
	int r;

	if (argc != 8) {
		fprintf(stderr, "usage: hostile URL PKI-DIR REPO APPROVER-KEY CLASS SERIAL KIND\n");
		return 2;
	}
	r = !strncmp(argv[7], "stored:", 7) ? prepare_stored(&l, argv[7] + 7, &err) : prepare(&l, argv, &err);
	if (!r)
		r = serve(&l, argv[1], argv[2], &err);
	if (r)
		fprintf(stderr, "hostile: %s\n", *err.text ? err.text : strerror(-r));
	fflush(stdout);
	_exit(r != 0); /* what it holds goes with it: the sanitizer has nothing to say of that */
}
