/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer takes as many hours as the aggregator can make at once, and says where the next one begins. Shares of hours add up, so
 * pages are added here: lines of the same owner are one.
 */
#include "cli/alloc.h"
#include "cli/http.h"
#include "cli/table.h"

#include <ctype.h>
#include <inttypes.h>

#define PAGES_MAX 100000

bool alloc_by_owner(const char *by)
{
	return !strcmp(by, "cost-centre") || !strncmp(by, "label:", 6);
}

static int check(const char *by, const char *payer, struct weir_err *err)
{
	static const char *const owners[] = {"team", "namespace", "workload", "cost-centre"};
	static const char *const payers[] = {"sender", "receiver", "initiator"};
	bool label = !strncmp(by, "label:", 6) && by[6], known = label, pays = !payer;

	for (const char *p = label ? by + 6 : ""; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._/-", *p))
			return weir_err_set(err, -EINVAL, "--by: '%.64s' is no name of a label", by + 6);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(owners); i++)
		known |= !strcmp(by, owners[i]);
	for (size_t i = 0; payer && i < WEIR_ARRAY_SIZE(payers); i++)
		pays |= !strcmp(payer, payers[i]);
	if (!known)
		return weir_err_set(err, -EINVAL,
				    "--by: with --payer it is one of team, namespace, workload, cost-centre, label:KEY; '%.64s' is "
				    "none of them", by);
	return pays ? 0 : weir_err_set(err, -EINVAL, "--payer: '%.64s' is none of sender, receiver, initiator", payer);
}

int alloc_range(const struct cli *c, uint64_t default_s, uint64_t since, uint64_t *from, uint64_t to, struct weir_err *err)
{
	if (since && (*from || to))
		return weir_err_set(err, -EINVAL, "give --since or --from and --to, not both");
	if (to && !*from)
		return weir_err_set(err, -EINVAL, "--to needs --from");
	if (!*from)
		*from = c->now_s - WEIR_MIN(since ? since : default_s, c->now_s);
	return *from < (to ? to : c->now_s) ? 0 : weir_err_set(err, -EINVAL, "--from must be before --to (or before now)");
}

char *alloc_escaped(const char *s)
{
	char *out = malloc(3 * strlen(s) + 1), *p = out;

	for (; out && *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("._/-,", *s))
			*p++ = *s;
		else
			p += snprintf(p, 4, "%%%02x", (unsigned char)*s);
	}
	if (out)
		*p = '\0';
	return out;
}

static const char *text_of(const json_t *o, const char *field)
{
	const char *s = json_string_value(json_object_get(o, field));

	return s ? s : "";
}

static json_int_t number_of(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

/* Every number of `more` onto that of o; `amount` is text of a number, and goes. */
static int add_numbers(json_t *o, const json_t *more)
{
	const char *field;
	json_t *v;

	json_object_del(o, "amount");
	json_object_foreach ((json_t *)more, field, v)
		if (json_is_integer(v) && json_object_set_new(o, field, json_integer(number_of(o, field) + json_integer_value(v))))
			return -ENOMEM;
	return 0;
}

/* The texts of a line, which name it. */
static char *name_of(const json_t *o)
{
	char *name = NULL;
	const char *field;
	size_t len;
	json_t *v;
	FILE *f = open_memstream(&name, &len);

	if (!f)
		return NULL;
	json_object_foreach ((json_t *)o, field, v)
		if (json_is_string(v) && strcmp(field, "amount") != 0)
			fprintf(f, "%s=%s\n", field, json_string_value(v));
	if (fclose(f)) {
		free(name);
		return NULL;
	}
	return name;
}

/* by_name: the lines that are there. */
static int add_lines(json_t *lines, json_t *by_name, const json_t *more)
{
	size_t i;
	json_t *v;

	json_array_foreach (more, i, v) {
		weir_auto_free char *name = name_of(v);
		json_t *old = name ? json_object_get(by_name, name) : NULL;

		if (!name || (!old && (json_object_set(by_name, name, v) || json_array_append(lines, v))) || (old && add_numbers(old, v)))
			return -ENOMEM;
	}
	return 0;
}

static const char *const lists[] = {"items", "shares", "proxies"};
struct merge {
	json_t *root; /* NULL = no page yet */
	json_t *by_name[WEIR_ARRAY_SIZE(lists)];
};

static void merge_fini(struct merge *m)
{
	json_decref(m->root);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(lists); i++)
		json_decref(m->by_name[i]);
}

static int add_page(struct merge *m, json_t *page)
{
	int r = 0;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(lists); i++) {
		json_t *more = json_object_get(page, lists[i]), *lines = m->root ? json_object_get(m->root, lists[i]) : json_array();

		if (!m->by_name[i])
			m->by_name[i] = json_object();
		r = lines && m->by_name[i] ? add_lines(lines, m->by_name[i], more) : -ENOMEM;
		if (!m->root && (r || json_object_set_new(page, lists[i], lines)))
			r = -ENOMEM;
	}
	if (!r && m->root) {
		r = add_numbers(json_object_get(m->root, "total"), json_object_get(page, "total"));
		if (!r)
			r = json_object_set(m->root, "to", json_object_get(page, "to")) ? -ENOMEM : 0;
	} else if (!r) {
		m->root = json_incref(page);
	}
	return r;
}

static int fetch_page(const struct cli *c, const char *by, const char *payer, uint64_t from_s, uint64_t to_s, json_t **ret,
		      struct weir_err *err)
{
	weir_auto_free char *end = to_s ? weir_strf("&to=%" PRIu64, to_s) : strdup("");
	weir_auto_free char *path = end ? weir_strf("/api/v1/allocation?by=%s&from=%" PRIu64 "%s%s%s", by, from_s, end,
						    payer ? "&payer=" : "", payer ? payer : "") : NULL;
	weir_auto_buf struct weir_buf body = {0};
	int r = path ? http_get(c->socket, path, &body, err) : -ENOMEM;

	if (r)
		return r;
	*ret = json_loadb((const char *)body.data, body.len, 0, NULL);
	if (!json_is_array(json_object_get(*ret, "items")) || !json_is_object(json_object_get(*ret, "total")))
		return weir_err_set(err, -EPROTO, "%s: the answer is no allocation; is the aggregator another version?", c->socket);
	return 0;
}

static int by_cost(const void *x, const void *y)
{
	const json_t *const *a = x, *const *b = y;
	json_int_t p = number_of(*a, "nanos"), q = number_of(*b, "nanos");

	return p != q ? (p < q) - (p > q) : strcmp(text_of(*a, "owner"), text_of(*b, "owner"));
}

static int sort_items(json_t *root)
{
	json_t *items = json_object_get(root, "items"), *sorted = json_array();
	size_t n = json_array_size(items);
	weir_auto_free json_t **all = calloc(n + 1, sizeof(*all));
	int r = sorted && all ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < n; i++)
		all[i] = json_array_get(items, i);
	if (!r)
		qsort(all, n, sizeof(*all), by_cost);
	for (size_t i = 0; !r && i < n; i++)
		r = json_array_append(sorted, all[i]) ? -ENOMEM : 0;
	if (r) {
		json_decref(sorted);
		return r;
	}
	return json_object_set_new(root, "items", sorted) ? -ENOMEM : 0;
}

int alloc_fetch(const struct cli *c, const char *by, const char *payer, uint64_t from_s, uint64_t to_s, json_t **ret,
		struct weir_err *err)
{
	weir_cleanup(merge_fini) struct merge m = {0};
	int r = check(by, payer, err);

	for (int pages = 0; !r && from_s; pages++) {
		view_auto_json json_t *page = NULL;
		uint64_t next;

		r = pages == PAGES_MAX ? weir_err_set(err, -E2BIG, "more than %d answers: ask for a shorter time", PAGES_MAX) :
					 fetch_page(c, by, payer, from_s, to_s, &page, err);
		next = r ? 0 : (uint64_t)number_of(page, "next");
		if (!r && next && next <= from_s)
			r = weir_err_set(err, -EPROTO, "%s: the answers do not go on", c->socket);
		if (!r) {
			json_object_del(page, "next");
			r = add_page(&m, page);
		}
		from_s = next;
	}
	if (!r)
		r = sort_items(m.root);
	if (!r)
		*ret = weir_take_ptr(m.root);
	return r;
}

/* What stands for who has no name. */
static int name_items(const json_t *root, const char *by)
{
	size_t i;
	json_t *v;

	json_array_foreach (json_object_get(root, "items"), i, v) {
		bool owner = !strcmp(text_of(v, "kind"), "owner");
		weir_auto_free char *name = owner ? NULL : weir_strf("(%s)", text_of(v, "kind"));

		if (json_object_set_new(v, by, json_string(owner ? text_of(v, "owner") : name ? name : "?")))
			return -ENOMEM;
	}
	return 0;
}

/* Of each proxy who is behind it, by the bytes between them. */
static void print_proxies(const struct cli *c, const json_t *root)
{
	const json_t *list = json_object_get(root, "proxies");
	size_t n = json_array_size(list);
	char bytes[HUMAN_MAX], money[HUMAN_MAX];

	for (size_t i = 0; i < n; i++) {
		const json_t *at = json_array_get(list, i);
		double all = 0, own = (double)number_of(at, "bytes");

		for (size_t k = 0; k < n; k++)
			if (!strcmp(text_of(json_array_get(list, k), "proxy"), text_of(at, "proxy")))
				all += (double)number_of(json_array_get(list, k), "bytes");
		fprintf(c->out, "proxy %s: %.2f %% to %s/%s by %s between them: %s\n", text_of(at, "proxy"), all > 0 ? own / all * 100 : 0,
			text_of(at, "namespace"), text_of(at, "workload"), human_bytes((uint64_t)number_of(at, "bytes"), bytes),
			human_money(number_of(at, "nanos"), text_of(root, "currency"), money));
	}
}

/* Each shared resource once for each way in which it was given to somebody. */
static void print_shared(const struct cli *c, const json_t *root)
{
	const json_t *list = json_object_get(root, "shares");
	char money[HUMAN_MAX];
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n; i++) {
		const json_t *at = json_array_get(list, i), *other = NULL;
		const char *how = text_of(at, "how"), *via = text_of(at, "via");
		json_int_t nanos = 0;
		size_t owners = 0, first = n;

		if (!strncmp(how, "proxy", 5))
			continue;
		for (size_t k = 0; k < n; k++) {
			other = json_array_get(list, k);
			if (strcmp(text_of(other, "how"), how) || strcmp(text_of(other, "via"), via))
				continue;
			first = WEIR_MIN(first, k);
			nanos += number_of(other, "nanos");
			owners++;
		}
		if (first == i)
			fprintf(c->out, "%s: %s: %s%s\n", via, how, human_money(nanos, text_of(root, "currency"), money),
				owners > 1 ? "" : !strcmp(how, "idle") ? " that nobody used" : " to one");
	}
}

int alloc_cost(const struct cli *c, const char *by, const char *payer, uint64_t from_s, uint64_t to_s, struct weir_err *err)
{
	view_auto_json json_t *root = NULL, *total = NULL;
	weir_auto_free char *title = NULL;
	int r = alloc_fetch(c, by, payer, from_s, to_s, &root, err);

	if (!r && c->json) {
		json_dumpf(root, c->out, JSON_INDENT(2));
		fputc('\n', c->out);
	}
	if (r || c->json)
		return r;
	title = weir_strf("cost %.8s", text_of(root, "currency"));
	total = json_copy(json_object_get(root, "total"));
	if (!title || !total || json_object_set_new(total, by, json_string("total")) || name_items(root, by))
		return -ENOMEM;
	const struct view_column columns[] = {
		{by, by}, {"bytes", "bytes"}, {"direct_nanos", "direct"}, {"proxy_nanos", "by proxies"},
		{"shared_nanos", "hours"}, {"nanos", title}, {0},
	};
	r = view_items(c, root, columns, total, err);
	if (!r) {
		fprintf(c->out, "\npayer: %s\n", text_of(root, "payer"));
		print_proxies(c, root);
		print_shared(c, root);
	}
	return r;
}
