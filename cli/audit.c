/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weirctl audit verify`: reads the log without the aggregator, so that a reviewer need not trust it. The chain
 * alone shows what was edited, removed or moved within the log; that its end was cut off, or that all of it is
 * another log, show heads which others have kept.
 */
#include "cli/args.h"
#include "cli/view.h"
#include "lib/os/chain.h"
#include "lib/os/file.h"

#include <inttypes.h>

struct head {
	struct weir_chain_head head;
	char *from; /* who says so */
	bool found;
};

struct check {
	const char *path;
	struct head *heads;
	size_t count;
	const char *key;
	uint8_t pub[WEIR_KEY_LEN];
	struct weir_chain log;
};

static void check_fini(struct check *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->heads[i].from);
	free(k->heads);
}

/* With a key, a head that is not signed by it is no evidence but a mistake. */
static int add_head(struct check *k, const char *from, const char *text, struct weir_err *err)
{
	struct head *more = realloc(k->heads, (k->count + 1) * sizeof(*more)), *h;

	if (!more)
		return -ENOMEM;
	k->heads = more;
	h = &more[k->count];
	*h = (struct head){0};
	if (weir_chain_head_parse(text, &h->head))
		return weir_err_set(err, -EINVAL, "%s: is no head of an audit log; want a node's <state_dir>/witness", from);
	if (k->key && weir_chain_head_verify(&h->head, k->pub))
		return weir_err_set(err, -EBADMSG, "%s: the head is not signed by the key in %s", from, k->key);
	h->from = strdup(from);
	if (!h->from)
		return -ENOMEM;
	k->count++;
	return 0;
}

static int read_key(struct check *k, struct weir_err *err)
{
	weir_auto_free char *text = NULL;
	size_t len;
	int r = weir_file_read(k->key, 4096, &text, &len);

	if (r)
		return weir_err_set(err, r, "%s: %s", k->key, strerror(-r));
	text[strcspn(text, " \r\n")] = '\0';
	return weir_pub_parse(text, k->pub) ?
		       weir_err_set(err, -EINVAL, "%s: is no public key; want ed25519:<base64>", k->key) :
		       0;
}

static int read_heads(struct check *k, const char *const *files, struct weir_err *err)
{
	int r = 0;

	for (; !r && *files; files++) {
		weir_auto_free char *text = NULL;
		size_t len;

		r = weir_file_read(*files, 4096, &text, &len);
		r = r ? weir_err_set(err, r, "%s: %s", *files, strerror(-r)) : add_head(k, *files, text, err);
	}
	return r;
}

static int ask_heads(const struct cli *c, struct check *k, struct weir_err *err)
{
	const struct cli quiet = {.socket = c->socket, .out = c->out, .now_s = c->now_s};
	view_auto_json json_t *root = NULL;
	const json_t *item;
	size_t i;
	int r = view_fetch(&quiet, "/api/v1/witnesses", &root, err);

	if (r)
		return r;
	json_array_foreach(json_object_get(root, "items"), i, item)
	{
		const char *text = json_string_value(json_object_get(item, "head"));
		const char *node = json_string_value(json_object_get(item, "node"));

		r = add_head(k, node ? node : "?", text ? text : "", err);
		if (r)
			return r;
	}
	return 0;
}

/* Against the entry that was just passed. */
static int compare(struct check *k, struct weir_err *err)
{
	for (size_t i = 0; i < k->count; i++) {
		struct head *h = &k->heads[i];

		if (h->head.seq != k->log.seq)
			continue;
		if (memcmp(h->head.hash, k->log.hash, sizeof(h->head.hash)))
			return weir_err_set(err, -EBADMSG, "%s:%" PRIu64 ": %s has seen another entry there: the log was cut "
							   "and went on, or is another one", k->path, k->log.seq, h->from);
		h->found = true;
	}
	return 0;
}

static int log_check(struct check *k, FILE *f, struct weir_err *err)
{
	weir_auto_free char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	int r = 0;

	while (!r && (len = getline(&line, &cap, f)) >= 0) {
		const char *wrong = NULL;

		if (strlen(line) != (size_t)len)
			wrong = "is no entry of an audit log";
		else if (line[len - 1] != '\n')
			wrong = "is cut off";
		else
			wrong = weir_chain_step(&k->log, line, (size_t)len - 1);
		if (wrong)
			return weir_err_set(err, -EBADMSG, "%s:%" PRIu64 ": the entry %s", k->path,
					    k->log.seq + 1, wrong);
		r = compare(k, err);
	}
	if (r)
		return r;
	if (ferror(f))
		return weir_err_set(err, -EIO, "%s: cannot read", k->path);
	for (size_t i = 0; i < k->count; i++)
		if (!k->heads[i].found)
			return weir_err_set(err, -EBADMSG, "%s: ends at entry %" PRIu64 ", %s has seen %" PRIu64
							   ": entries were cut off", k->path, k->log.seq, k->heads[i].from,
					    k->heads[i].head.seq);
	return 0;
}

int cmd_audit_verify(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_cleanup(check_fini) struct check k = {0};
	weir_auto_fclose FILE *f = NULL;
	char head[2 * WEIR_SHA256_LEN + 1];
	const char *files[ARGS_LIST_MAX + 1] = {0};
	bool witnessed = false;
	const struct args_opt opts[] = {{"--head", ARGS_LIST, files}, {"--witnessed", ARGS_FLAG, &witnessed},
					{"--key", ARGS_STR, &k.key}};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "FILE", &k.path, 1, 1, err);

	if (!r && k.key)
		r = read_key(&k, err);
	if (!r)
		r = read_heads(&k, files, err);
	if (!r && witnessed)
		r = ask_heads(c, &k, err);
	if (r)
		return r;
	f = fopen(k.path, "re");
	if (!f)
		return weir_err_set(err, -errno, "%s: cannot open: %s", k.path, strerror(errno));
	r = log_check(&k, f, err);
	if (r)
		return r;
	weir_hex(k.log.hash, sizeof(k.log.hash), head);
	if (c->json)
		fprintf(c->out, "{\"ok\":true,\"entries\":%" PRIu64 ",\"witnesses\":%zu,\"head\":\"%s\"}\n",
			k.log.seq, k.count, head);
	else
		fprintf(c->out, "%s: ok, %" PRIu64 " entr%s, %zu witness%s, head %s\n", k.path, k.log.seq,
			k.log.seq == 1 ? "y" : "ies", k.count, k.count == 1 ? "" : "es", head);
	return 0;
}
