/* SPDX-License-Identifier: Apache-2.0 */
/* The history of a use of models: lines as they are, and with a check that is right, so that what is behind it is reached. */
#include "lib/model/shelf_impl.h"
#include "tests/fuzz/fuzz.h"

#include <sys/stat.h>

static char dir[64];

/* A line that was read is written as one that is read alike. */
static void both_ways(const char *line, size_t len)
{
	struct weir_shelf_decision d, again;
	weir_auto_buf struct weir_buf b = {0}, c = {0};

	if (weir_shelf_decision_parse(line, len, &d))
		return;
	MUST(!weir_shelf_decision_line(&d, &b) && b.len <= SHELF_LINE_MAX);
	MUST(!weir_shelf_decision_parse((const char *)b.data, b.len - 1, &again));
	MUST(!weir_shelf_decision_line(&again, &c) && c.len == b.len && !memcmp(b.data, c.data, b.len));
}

static int put_checked(struct weir_buf *b, const char *line, size_t len)
{
	uint8_t hash[WEIR_SHA256_LEN];
	size_t begin = b->len;
	char hex[17];
	int r = weir_buf_add(b, line, len);

	r = r ? r : weir_buf_add(b, "\t", 1);
	r = r ? r : weir_sha256(b->data + begin, b->len - begin, hash);
	return r ? r : weir_buf_addf(b, "%s\n", weir_hex(hash, 8, hex));
}

static void open_with(const struct weir_buf *history)
{
	weir_auto_shelf *s = NULL;
	weir_auto_free struct weir_shelf_decision *list = NULL;
	weir_auto_free struct weir_shelf_item *items = NULL;
	struct weir_err err = {{0}};
	char path[128], hash[WEIR_MODEL_HASH_TEXT];
	size_t n;
	FILE *f;

	if (!*dir) {
		snprintf(dir, sizeof(dir), "/tmp/weir-fuzz-XXXXXX");
		MUST(mkdtemp(dir));
		snprintf(path, sizeof(path), "%s/u", dir);
		MUST(!mkdir(path, 0700));
	}
	snprintf(path, sizeof(path), "%s/u/history", dir);
	f = fopen(path, "we");
	MUST(f && fwrite(history->data, 1, history->len, f) == history->len && !fclose(f));
	MUST(!weir_shelf_open(dir, NULL, NULL, &s, &err));
	weir_shelf_champion_hash(s, "u", hash);
	MUST(!*hash); /* there is no model's file */
	MUST(!weir_shelf_history(s, "u", &list, &n) && n <= WEIR_SHELF_HISTORY && !weir_shelf_list(s, NULL, &items, &n) && !n);
	MUST(weir_shelf_rollback(s, "u", 1, "x", NULL, &err) == -ENOENT);
	unlink(path);
	snprintf(path, sizeof(path), "%s/u/history.damaged", dir);
	unlink(path);
}

static void end(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/u", dir);
	rmdir(path);
	rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *)data;
	weir_auto_buf struct weir_buf b = {0};

	if (!*dir)
		atexit(end);
	for (size_t at = 0; at < len;) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t n = nl ? (size_t)(nl - text) - at : len - at, begin = b.len;

		both_ways(text + at, n);
		MUST(!put_checked(&b, text + at, n));
		both_ways((const char *)b.data + begin, b.len - begin - 1);
		at += n + 1;
	}
	if (b.len)
		open_with(&b);
	return 0;
}
