/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers' files of public prefixes, told apart by their content:
 *   AWS     prefixes[].ip_prefix, ipv6_prefixes[].ipv6_prefix, each with service and region
 *   GCP     prefixes[].ipv4Prefix or ipv6Prefix, with service and scope (cloud.json) or without (goog.json)
 *   Azure   values[].name "Storage.WestUS" and its properties.region and addressPrefixes
 *
 * A prefix stands there once for each service that it belongs to, and once more for the provider as a
 * whole; a service's prefix may also cover smaller ones of the whole. So services have a rank: 0 the
 * whole, 1 customers' machines, 2 a named service. Of an address the highest rank wins, then the longest
 * prefix, then a range that names its region, then the name that sorts first. Regions that are none
 * ("GLOBAL") are "".
 */
#include <ctype.h>
#include <jansson.h>
#include <zlib.h>

#include "lib/ds/buf.h"
#include "lib/money/model.h"

#define GZIP_MAGIC "\x1f\x8b"

struct ranges {
	struct weir_topology *t;
	const char *name;
	struct topo_range *rows;
	size_t count;
	struct weir_err *err;
};

static void json_freep(json_t **j)
{
	json_decref(*j);
}

int topo_put_range(struct weir_topology *t, const struct topo_range *range)
{
	uint32_t old = weir_lpm_find_prefix(t->range_lpm, &range->prefix);
	struct topo_range *row;

	if (old != WEIR_LPM_NONE && t->ranges[old].rank > range->rank && range->rank != UINT8_MAX &&
	    t->ranges[old].rank != UINT8_MAX)
		return 0;
	if (old != WEIR_LPM_NONE && t->ranges[old].prefix.len == range->prefix.len)
		return 0;
	row = topo_add_row(&t->ranges, &t->range_count);
	if (!row)
		return -ENOMEM;
	*row = *range;
	return weir_lpm_put(t->range_lpm, &range->prefix, (uint32_t)t->range_count - 1);
}

/* "aws/" and "KINESIS_VIDEO_STREAMS" to "aws/kinesis-video-streams"; up to a dot. */
static const char *service_name(struct weir_topology *t, const char *provider, const char *s)
{
	char buf[128];
	size_t n = (size_t)snprintf(buf, sizeof(buf), "%s/", provider);

	for (; *s && *s != '.' && n < sizeof(buf) - 1; s++)
		buf[n++] = *s == '_' || *s == ' ' ? '-' : (char)tolower((unsigned char)*s);
	buf[n] = 0;
	/* 17,000 rows, some 30 services: the last ones are likely the same. */
	for (size_t i = t->string_count; i > 0 && i + 64 > t->string_count; i--)
		if (!strcmp(t->strings[i - 1], buf))
			return t->strings[i - 1];
	return topo_string(t, buf);
}

static const char *region_name(struct weir_topology *t, const char *s)
{
	if (!s || !strcasecmp(s, "global"))
		s = "";
	for (size_t i = t->string_count; i > 0 && i + 64 > t->string_count; i--)
		if (!strcmp(t->strings[i - 1], s))
			return t->strings[i - 1];
	return topo_string(t, s);
}

static int add(struct ranges *x, const char *prefix, const char *provider, const char *service, const char *region,
	       uint8_t rank)
{
	struct topo_range range = {.rank = rank}, *row;

	if (weir_prefix_parse(prefix, &range.prefix) < 0 || topo_is_all(&range.prefix))
		return weir_err_set(x->err, -EINVAL, "%s: '%.60s' is no prefix of a service", x->name, prefix);
	range.service = service_name(x->t, provider, service);
	range.region = region_name(x->t, region);
	if (!range.service || !range.region)
		return -ENOMEM;
	row = topo_add_row(&x->rows, &x->count);
	if (!row)
		return -ENOMEM;
	*row = range;
	return 0;
}

static const char *text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int add_aws(struct ranges *x, const json_t *seq, const char *key)
{
	size_t i;
	json_t *o;
	int r = 0;

	json_array_foreach(seq, i, o) {
		const char *prefix = text(o, key), *service = text(o, "service");
		bool whole = service && !strcmp(service, "AMAZON"), machines = service && !strcmp(service, "EC2");

		if (!prefix || !service)
			return weir_err_set(x->err, -EINVAL, "%s: entry %zu has no %s or no service", x->name, i, key);
		r = add(x, prefix, "aws", service, text(o, "region"), whole ? 0 : machines ? 1 : 2);
		if (r < 0)
			break;
	}
	return r;
}

static int add_gcp(struct ranges *x, const json_t *seq)
{
	size_t i;
	json_t *o;
	int r = 0;

	json_array_foreach(seq, i, o) {
		const char *prefix = text(o, "ipv4Prefix"), *service = text(o, "service");

		if (!prefix)
			prefix = text(o, "ipv6Prefix");
		if (!prefix)
			return weir_err_set(x->err, -EINVAL, "%s: entry %zu has no ipv4Prefix and no ipv6Prefix",
					    x->name, i);
		r = add(x, prefix, "gcp", service ? service : "google", text(o, "scope"), service ? 1 : 0);
		if (r < 0)
			break;
	}
	return r;
}

static int add_azure(struct ranges *x, const json_t *values)
{
	size_t i, k;
	json_t *o, *prefix;

	json_array_foreach(values, i, o) {
		const json_t *p = json_object_get(o, "properties");
		const char *name = text(o, "name");

		if (!name || !json_is_array(json_object_get(p, "addressPrefixes")))
			return weir_err_set(x->err, -EINVAL, "%s: value %zu has no name or no addressPrefixes", x->name,
					    i);
		json_array_foreach(json_object_get(p, "addressPrefixes"), k, prefix) {
			const char *s = json_string_value(prefix);
			int r = s ? add(x, s, "azure", name, text(p, "region"), strncmp(name, "AzureCloud", 10) ? 2 : 0)
				  : -EINVAL;

			if (r < 0)
				return weir_err_set(x->err, r, "%s: value %zu: prefix %zu is no text", x->name, i, k);
		}
	}
	return 0;
}

static int cmp_range(const void *a, const void *b)
{
	const struct topo_range *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? 1 : -1;
	if (x->prefix.len != y->prefix.len)
		return x->prefix.len < y->prefix.len ? -1 : 1;
	if (!x->region[0] != !y->region[0])
		return x->region[0] ? -1 : 1;
	return strcmp(x->service, y->service);
}

static int read_json(struct ranges *x, const char *data, size_t len)
{
	json_error_t why;
	weir_cleanup(json_freep) json_t *root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &why);
	const json_t *prefixes = json_object_get(root, "prefixes"), *values = json_object_get(root, "values");
	const json_t *first = json_array_get(prefixes, 0);
	int r;

	if (!root)
		return weir_err_set(x->err, -EINVAL, "%s:%d:%d .: %s", x->name, why.line, why.column, why.text);
	if (json_is_array(values))
		return add_azure(x, values);
	if (text(first, "ipv4Prefix") || text(first, "ipv6Prefix"))
		return add_gcp(x, prefixes);
	if (!text(first, "ip_prefix"))
		return weir_err_set(x->err, -EINVAL,
				    "%s: neither AWS's ip-ranges, GCP's cloud.json nor Azure's ServiceTags", x->name);
	r = add_aws(x, prefixes, "ip_prefix");
	return r < 0 ? r : add_aws(x, json_object_get(root, "ipv6_prefixes"), "ipv6_prefix");
}

static int inflate_all(const void *data, size_t len, struct weir_buf *out)
{
	z_stream z = {.next_in = (void *)(uintptr_t)data, .avail_in = (unsigned int)len};
	unsigned char chunk[65536];
	int r = inflateInit2(&z, 16 + MAX_WBITS) == Z_OK ? Z_OK : Z_MEM_ERROR, e = 0;

	while (r == Z_OK && !e) {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		r = inflate(&z, Z_NO_FLUSH);
		if (r == Z_OK || r == Z_STREAM_END)
			e = weir_buf_add(out, chunk, sizeof(chunk) - z.avail_out);
	}
	inflateEnd(&z);
	if (e)
		return e;
	return r == Z_STREAM_END ? 0 : -EINVAL;
}

int weir_topology_add_ranges(struct weir_topology *t, const char *name, const void *data, size_t len,
			     struct weir_err *err)
{
	weir_auto_buf struct weir_buf plain = {.max = WEIR_RANGES_MAX};
	struct ranges x = {.t = t, .name = name, .err = err};
	int r = 0;

	if (len > WEIR_RANGES_MAX)
		return weir_err_set(err, -EFBIG, "%s: larger than %u bytes", name, WEIR_RANGES_MAX);
	if (len > 2 && !memcmp(data, GZIP_MAGIC, 2)) {
		r = inflate_all(data, len, &plain);
		if (r < 0)
			return weir_err_set(err, r, "%s: %s", name,
					    r == -EINVAL ? "no whole gzip file" : strerror(-r));
		data = plain.data;
		len = plain.len;
	}
	r = read_json(&x, len ? data : "", len);
	if (r == 0 && x.count)
		qsort(x.rows, x.count, sizeof(*x.rows), cmp_range);
	for (size_t i = 0; i < x.count && r == 0; i++)
		r = topo_put_range(t, &x.rows[i]);
	free(x.rows);
	if (r == 0)
		t->range_files_added++;
	return r < 0 ? weir_err_set(err, r, "%s: %s", name, strerror(-r)) : 0;
}
