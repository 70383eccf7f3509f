/* SPDX-License-Identifier: Apache-2.0 */
/* `weirctl audit verify`: reads the log without the aggregator, so that a reviewer need not trust it. */
#include "cli/args.h"
#include "cli/view.h"
#include "lib/os/chain.h"

#include <inttypes.h>

static int log_check(const char *path, FILE *f, struct weir_chain *log, struct weir_err *err)
{
	weir_auto_free char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, f)) >= 0) {
		const char *wrong = NULL;

		if (strlen(line) != (size_t)len)
			wrong = "is no entry of an audit log";
		else if (line[len - 1] != '\n')
			wrong = "is cut off";
		else
			wrong = weir_chain_step(log, line, (size_t)len - 1);
		if (wrong)
			return weir_err_set(err, -EBADMSG, "%s:%" PRIu64 ": the entry %s", path,
					    log->seq + 1, wrong);
	}
	return ferror(f) ? weir_err_set(err, -EIO, "%s: cannot read", path) : 0;
}

int cmd_audit_verify(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_auto_fclose FILE *f = NULL;
	struct weir_chain log = {0};
	char head[2 * WEIR_SHA256_LEN + 1];
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
	weir_hex(log.hash, sizeof(log.hash), head);
	if (c->json)
		fprintf(c->out, "{\"ok\":true,\"entries\":%" PRIu64 ",\"head\":\"%s\"}\n",
			log.seq, head);
	else
		fprintf(c->out, "%s: ok, %" PRIu64 " entr%s, head %s\n", path, log.seq,
			log.seq == 1 ? "y" : "ies", head);
	return 0;
}
