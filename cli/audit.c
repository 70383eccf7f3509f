/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weirctl audit verify`: reads the log without the aggregator, so that a reviewer need not trust it.
 * Each line is
 *   {"seq":N,"time_ns":T,"event":"...","fields":{...},"prev":"<64 hex>","hash":"<64 hex>"}
 * with hash = SHA-256(prev as 32 bytes || the line's bytes before `,"prev":`); the first prev is zero.
 */
#include "cli/args.h"
#include "cli/view.h"
#include "lib/os/crypto.h"

#include <inttypes.h>

#define LINE_MAX_BYTES (64u << 10)
#define HEX_LEN (2 * WEIR_SHA256_LEN)

struct audit_log {
	uint64_t entries;
	uint8_t head[WEIR_SHA256_LEN];
};

/* A hex member that stands at *p; *p moves behind it. */
static int take_hash(char **p, const char *before, uint8_t ret[WEIR_SHA256_LEN])
{
	char hex[HEX_LEN + 1] = "";

	if (strncmp(*p, before, strlen(before)))
		return -EBADMSG;
	*p += strlen(before);
	strncpy(hex, *p, HEX_LEN);
	if (weir_unhex(hex, ret, WEIR_SHA256_LEN))
		return -EBADMSG;
	*p += HEX_LEN;
	return 0;
}

/* NULL, or what is wrong with this line. */
static const char *entry_check(struct audit_log *log, char *line)
{
	static const char before[] = ",\"prev\":\"";
	uint8_t prev[WEIR_SHA256_LEN], stated[WEIR_SHA256_LEN], real[WEIR_SHA256_LEN];
	weir_auto_free uint8_t *hashed = NULL;
	char start[40], *tail = NULL;
	size_t len;

	/* The last one: a field's text may hold the same bytes only with its quotes escaped. */
	for (char *p = line; (p = strstr(p, before)); p++)
		tail = p;
	if (!tail)
		return "is no entry of an audit log";
	len = (size_t)(tail - line);
	if (take_hash(&tail, before, prev) || take_hash(&tail, "\",\"hash\":\"", stated) ||
	    strcmp(tail, "\"}"))
		return "is no entry of an audit log";
	snprintf(start, sizeof(start), "{\"seq\":%" PRIu64 ",", log->entries + 1);
	if (strncmp(line, start, strlen(start)))
		return "does not carry the next number: an entry was removed, inserted or moved";
	if (memcmp(prev, log->head, sizeof(prev)))
		return "does not follow the entry before it";
	hashed = malloc(sizeof(prev) + len);
	if (!hashed)
		return "cannot be checked: out of memory";
	memcpy(hashed, prev, sizeof(prev));
	memcpy(hashed + sizeof(prev), line, len);
	if (weir_sha256(hashed, sizeof(prev) + len, real))
		return "cannot be checked: SHA-256 failed";
	if (memcmp(real, stated, sizeof(real)))
		return "was changed";
	memcpy(log->head, real, sizeof(log->head));
	log->entries++;
	return NULL;
}

static int log_check(const char *path, FILE *f, struct audit_log *log, struct weir_err *err)
{
	weir_auto_free char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, f)) >= 0) {
		const char *wrong = NULL;

		if (len > (ssize_t)LINE_MAX_BYTES || strlen(line) != (size_t)len)
			wrong = "is no entry of an audit log";
		else if (line[len - 1] != '\n')
			wrong = "is cut off";
		else
			line[len - 1] = '\0';
		if (!wrong)
			wrong = entry_check(log, line);
		if (wrong)
			return weir_err_set(err, -EBADMSG, "%s:%" PRIu64 ": the entry %s", path,
					    log->entries + 1, wrong);
	}
	return ferror(f) ? weir_err_set(err, -EIO, "%s: cannot read", path) : 0;
}

int cmd_audit_verify(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_auto_fclose FILE *f = NULL;
	struct audit_log log = {0};
	char head[HEX_LEN + 1];
	const char *path = NULL;
	int r = args_parse(NULL, 0, argc, argv, "FILE", &path, 1, 1, err);

	if (r)
		return r;
	f = fopen(path, "re");
	if (!f)
		return weir_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	r = log_check(path, f, &log, err);
	if (r)
		return r;
	weir_hex(log.head, sizeof(log.head), head);
	if (c->json)
		fprintf(c->out, "{\"ok\":true,\"entries\":%" PRIu64 ",\"head\":\"%s\"}\n",
			log.entries, head);
	else
		fprintf(c->out, "%s: ok, %" PRIu64 " entr%s, head %s\n", path, log.entries,
			log.entries == 1 ? "y" : "ies", head);
	return 0;
}
