/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recorded.h"

#include "bpf/abi/weir_abi.h"
#include "cli/http.h"
#include "cli/view.h"
#include "lib/base/clock.h"

#include <inttypes.h>

/* Rows of a page: some 2 MiB of JSON. */
#define PAGE_ROWS 5000

static const char *text_of(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

static bool number_of(const json_t *o, const char *field, uint64_t max, uint64_t *ret)
{
	const json_t *v = json_object_get(o, field);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

static bool read_item(const json_t *o, struct weir_traffic *t)
{
	uint64_t proto, port;

	*t = (struct weir_traffic){
		.domain = text_of(o, "domain"), .folded = !*text_of(o, "peer"),
		.dir = strcmp(text_of(o, "direction"), "egress") ? WEIR_INGRESS : WEIR_EGRESS,
		.opened = !strcmp(text_of(o, "opened"), "local"), .source = WEIR_TRAFFIC_AGENT, .node = text_of(o, "node"),
		.namespace = text_of(o, "namespace"), .workload = text_of(o, "workload"), .kind = text_of(o, "kind"),
		.team = text_of(o, "team"), .labels = text_of(o, "labels"), .peer_namespace = text_of(o, "peer_namespace"),
		.peer_workload = text_of(o, "peer_workload"), .peer_team = text_of(o, "peer_team"),
	};
	if (!number_of(o, "hour_s", INT64_MAX, &t->hour_s) || !number_of(o, "bytes", WEIR_TRAFFIC_BYTES_MAX, &t->bytes) ||
	    !number_of(o, "packets", WEIR_TRAFFIC_BYTES_MAX, &t->packets) || !number_of(o, "protocol", 255, &proto) ||
	    !number_of(o, "port", 65535, &port) || weir_path_parse(text_of(o, "path"), &t->path))
		return false;
	t->proto = (uint8_t)proto;
	t->port = (uint16_t)port;
	return t->folded || (!weir_addr_parse(text_of(o, "local"), &t->local) && !weir_addr_parse(text_of(o, "peer"), &t->peer));
}

static int bad_answer(const struct cli *c, struct weir_err *err)
{
	return weir_err_set(err, -EPROTO, "%s: the answer is not recorded traffic; is the aggregator another version?", c->socket);
}

static void show_progress(const struct cli *c, uint64_t rows, uint64_t hour_s)
{
	char text[21];

	if (!c->json && isatty(STDERR_FILENO))
		fprintf(stderr, "\r%" PRIu64 " rows, up to %s\033[K", rows, weir_time_text(hour_s * WEIR_NS_PER_S, text));
}

static int read_items(const struct cli *c, const json_t *root, int (*fn)(const struct weir_traffic *t, void *arg), void *arg,
		      uint64_t *rows, struct weir_err *err)
{
	const json_t *items = json_object_get(root, "items"), *o;
	struct weir_traffic t = {0};
	size_t i;
	int r = json_is_array(items) ? 0 : bad_answer(c, err);

	if (r)
		return r;
	json_array_foreach(items, i, o) {
		if (!read_item(o, &t))
			return bad_answer(c, err);
		r = fn(&t, arg);
		if (r)
			return r;
		++*rows;
	}
	if (i)
		show_progress(c, *rows, t.hour_s);
	return 0;
}

/* One page; *next is freed and set to where the next one begins, NULL = there is none. */
static int fetch_page(const struct cli *c, uint64_t from_s, uint64_t to_s, char **next,
		      int (*fn)(const struct weir_traffic *t, void *arg), void *arg, uint64_t *rows, struct weir_err *err)
{
	weir_auto_free char *path = weir_strf("/api/v1/traffic?from=%" PRIu64 "&to=%" PRIu64 "&limit=%d%s%s", from_s, to_s, PAGE_ROWS,
					      *next ? "&after=" : "", *next ? *next : "");
	weir_auto_buf struct weir_buf body = {0};
	view_auto_json json_t *root = NULL;
	const char *after;
	int r = path ? http_get(c->socket, path, &body, err) : -ENOMEM;

	if (r)
		return r;
	root = json_loadb((const char *)body.data, body.len, 0, NULL);
	r = root ? read_items(c, root, fn, arg, rows, err) : bad_answer(c, err);
	if (r)
		return r;
	free(*next);
	after = json_string_value(json_object_get(root, "next"));
	*next = after ? strdup(after) : NULL;
	return after && !*next ? -ENOMEM : 0;
}

int recorded_fetch(const struct cli *c, uint64_t from_s, uint64_t to_s,
		   int (*fn)(const struct weir_traffic *t, void *arg), void *arg, uint64_t *ret_rows, struct weir_err *err)
{
	weir_auto_free char *next = NULL;
	uint64_t rows = 0;
	int r;

	do
		r = fetch_page(c, from_s, to_s, &next, fn, arg, &rows, err);
	while (!r && next);
	if (!c->json && rows && isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	*ret_rows = rows;
	return r;
}
