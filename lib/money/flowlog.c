/* SPDX-License-Identifier: Apache-2.0 */
/* A flow log's file: what it is, row by row, what is counted of it; and all files of a directory. */
#include "lib/money/flowlog.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "lib/money/flowlog_impl.h"
#include "lib/os/file.h"

const char *weir_flowlog_format_name(enum weir_flowlog_format f)
{
	static const char *const names[] = {"aws-vpc", "azure-nsg", "azure-vnet", "gcp-vpc"};

	return names[f];
}

void weir_flowlog_stats_add(struct weir_flowlog_stats *to, const struct weir_flowlog_stats *s)
{
	to->files += s->files;
	to->foreign_files += s->foreign_files;
	for (int i = 0; i < WEIR_FLOWLOG_FORMATS; i++)
		to->rows[i] += s->rows[i];
	to->bad_rows += s->bad_rows;
	to->no_data += s->no_data;
	to->skipped += s->skipped;
	to->rejected += s->rejected;
	to->foreign_rows += s->foreign_rows;
	to->sampled_rows += s->sampled_rows;
	to->sampled_bytes += s->sampled_bytes;
	to->bytes += s->bytes;
	to->longest_s = WEIR_MAX(to->longest_s, s->longest_s);
}

int flowlog_number(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s || strlen(s) > 19)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int flowlog_bad(struct weir_flowlog *l, uint64_t line, const char *field, const char *reason)
{
	struct weir_flowlog_bad bad = {.file = l->name, .line = line, .field = field, .reason = reason};

	l->stats.bad_rows++;
	if (l->how.bad)
		l->how.bad(&bad, l->how.arg);
	return l->how.strict ? weir_err_set(&l->stopped, -EBADMSG, "%s:%" PRIu64 ": %s%s%s", l->name, line, field,
					    *field ? " " : "the row ", reason) : 0;
}

struct weir_flow *flowlog_put(struct weir_flowlog *l, enum weir_flowlog_format format, const char *provider, uint64_t line)
{
	struct weir_flow *f = &l->queue[0];

	*f = (struct weir_flow){
		.format = format, .line = line, .provider = provider, .account = "", .network = "", .observer = "",
		.src_service = "", .dst_service = "", .self = {"", "", "", ""}, .other = {"", "", "", ""},
	};
	l->queued = 1;
	return f;
}

void weir_flowlog_close(struct weir_flowlog *l)
{
	if (!l)
		return;
	flow_json_fini(&l->json);
	bill_lines_fini(&l->lines);
	bill_source_close(l->source);
	free(l->name);
	free(l);
}

static int broken(const struct weir_flowlog *l, int r, struct weir_err *err)
{
	if (*l->stopped.text)
		return weir_err_set(err, r, "%s", l->stopped.text);
	return weir_err_set(err, r, "%s: %s", l->name, r == -EBADMSG ? "the gzip stream is torn or damaged" : strerror(-r));
}

/* While it is not told what it is, both may keep what they know of. */
static int tell_kind(struct weir_flowlog *l, int event)
{
	const char *path = l->json.path;
	bool list = event == FLOW_JSON_ARRAY;

	if (event == FLOW_JSON_OBJECT && !*path && !l->record)
		l->record = l->json.depth;
	if (list && !strcmp(path, "records"))
		l->record = l->json.depth + 1;
	if (list && (!strcmp(path, "records") || !strcmp(path, "properties.flows") || !strcmp(path, "flowRecords.flows")))
		l->told = l->azure = true;
	else if (event == FLOW_JSON_TEXT && (!strcmp(path, "logName") || !strncmp(path, "jsonPayload.", 12)))
		l->told = true;
	if (event == FLOW_JSON_TEXT) {
		(void)flowlog_azure_event(l, event);
		return flowlog_gcp_event(l, event);
	}
	return event == FLOW_JSON_OBJECT_END && !*path ? -EINVAL : 0;
}

static int json_next(struct weir_flowlog *l)
{
	int event = flow_json_next(&l->json), r;

	if (event == FLOW_JSON_END)
		return 0;
	if (event == -EINVAL && l->record == 1) { /* an object a line: the next one may be well */
		r = flowlog_bad(l, l->json.line, "", "is no JSON");
		return r ? r : flow_json_resume(&l->json);
	}
	if (event == -EINVAL)
		return weir_err_set(&l->stopped, -EBADMSG, "%s:%" PRIu64 ": no JSON from here on", l->name, l->json.line);
	if (event < 0)
		return event;
	r = l->azure ? flowlog_azure_event(l, event) : flowlog_gcp_event(l, event);
	return r ? r : 1;
}

int flowlog_json_open(struct weir_flowlog *l, struct weir_err *err)
{
	int r = flow_json_init(&l->json, &l->lines);

	while (!r && !l->told) {
		int event = flow_json_next(&l->json);

		if (event < 0 && event != -EINVAL)
			return event;
		r = event == FLOW_JSON_END ? -EINVAL : event < 0 ? event : tell_kind(l, event);
	}
	l->next = json_next;
	return r != -EINVAL ? r : weir_err_set(err, r, "%s: JSON, but no flow log of Azure or GCP", l->name);
}

static int open_kind(struct weir_flowlog *l, struct weir_err *err)
{
	size_t at = 0;
	int r = bill_lines_skip_mark(&l->lines);

	if (!r)
		r = bill_lines_fill(&l->lines, 4096);
	if (r)
		return r;
	if (l->lines.len - l->lines.at > 4 && !memcmp(l->lines.data + l->lines.at, "PAR1", 4))
		return weir_err_set(err, -EINVAL, "%s: Parquet is not read: let the flow log be delivered as text, or convert it",
				    l->name);
	for (at = l->lines.at; at < l->lines.len && strchr(" \t\r\n", l->lines.data[at]); at++)
		;
	return at < l->lines.len && strchr("{[", l->lines.data[at]) ? flowlog_json_open(l, err) : flowlog_aws_open(l, err);
}

int weir_flowlog_open_fd(int fd, const char *name, const struct weir_flowlog_how *how, struct weir_flowlog **ret,
			 struct weir_err *err)
{
	weir_auto_flowlog struct weir_flowlog *l = calloc(1, sizeof(*l));
	int r;

	if (!l || !(l->name = strdup(name))) {
		close(fd);
		return -ENOMEM;
	}
	l->how = *how;
	l->stats.files = 1;
	r = bill_source_open(fd, &l->source);
	if (!r)
		r = bill_lines_init(&l->lines, l->source);
	if (!r)
		r = open_kind(l, err);
	if (r)
		return broken(l, r, err);
	*ret = weir_take_ptr(l);
	return 0;
}

int weir_flowlog_open(const char *path, const struct weir_flowlog_how *how, struct weir_flowlog **ret, struct weir_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return weir_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	return weir_flowlog_open_fd(fd, path, how, ret, err);
}

int weir_flowlog_next(struct weir_flowlog *l, const struct weir_flow **ret, struct weir_err *err)
{
	while (l->given == l->queued) {
		int r;

		l->given = l->queued = 0;
		r = l->next(l);
		if (r <= 0)
			return r ? broken(l, r, err) : 0;
	}
	*ret = &l->queue[l->given++];
	l->stats.bytes += (*ret)->bytes;
	l->stats.sampled_rows += (*ret)->sampled;
	l->stats.sampled_bytes += (*ret)->sampled ? (*ret)->bytes : 0;
	l->stats.longest_s = WEIR_MAX(l->stats.longest_s, (*ret)->end_s - (*ret)->start_s);
	return 1;
}

const struct weir_flowlog_stats *weir_flowlog_stats(const struct weir_flowlog *l)
{
	return &l->stats;
}

/* One file's flows; its counts are added whatever becomes of it. */
static int read_file(const char *path, const struct weir_flowlog_how *how, struct weir_flow_hours *h,
		     struct weir_flowlog_stats *sum, struct weir_err *err)
{
	weir_auto_flowlog struct weir_flowlog *l = NULL;
	const struct weir_flow *f;
	struct weir_err why = {0};
	int r = weir_flowlog_open(path, how, &l, &why), added = 0;

	while (!r && !added && (r = weir_flowlog_next(l, &f, &why)) == 1) {
		added = weir_flow_hours_add(h, f);
		r = 0;
	}
	if (l)
		weir_flowlog_stats_add(sum, &l->stats);
	else
		sum->files++;
	if (added)
		return added == -E2BIG ? weir_err_set(err, added, "%s: more than %u pairs of addresses, services and hours: take "
						      "fewer hours", path, WEIR_FLOW_HOURS_MAX) : added;
	if (!r || r == -ENOMEM)
		return r;
	sum->foreign_files++;
	if (how->strict)
		return weir_err_set(err, r, "%s", why.text);
	if (how->bad)
		how->bad(&(struct weir_flowlog_bad){.file = path, .field = "", .reason = why.text}, how->arg);
	return 0;
}

int weir_flowlog_read(const char *path, const struct weir_flowlog_how *how, struct weir_flow_hours *h,
		      struct weir_flowlog_stats *ret, struct weir_err *err)
{
	weir_auto_strv char **files = NULL;
	struct weir_flowlog_stats sum = {0};
	size_t n = 0;
	int r = weir_flowlog_files(path, &files, err);

	for (; !r && files[n]; n++)
		;
	for (size_t i = 0; !r && files[i]; i++) {
		r = read_file(files[i], how, h, &sum, err);
		if (how->progress)
			how->progress(&sum, n, how->arg);
	}
	*ret = sum;
	return r;
}
