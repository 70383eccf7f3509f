/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file, one line for each mark, in this order and no other:
 *   weir-marks 1
 *   serial 7
 *   ...
 *   previous <64 hex digits>
 * The deadline of a confirmation is not there: its clock ends with the kernel.
 */
#include "agent/marks.h"

#include <inttypes.h>

#include "lib/ds/buf.h"
#include "lib/os/crypto.h"
#include "lib/os/file.h"

#define FILE_MAX 4096
#define HEAD "weir-marks 1"
#define NUMBERS 9

struct number {
	const char *name;
	__u64 *at;
};

static void numbers_of(struct weir_marks *w, __u64 *serial, struct number ret[NUMBERS])
{
	const struct number numbers[NUMBERS] = {
		{"serial", serial},	  {"key-epoch", &w->key_epoch}, {"undone", &w->undone},
		{"order", &w->order},	  {"pending", &w->pending},	{"from", &w->from},
		{"to", &w->to},		  {"at-ns", &w->at_ns},		{"why", &w->why},
	};

	memcpy(ret, numbers, sizeof(numbers));
}

int marks_save(const struct marks *m)
{
	weir_auto_buf struct weir_buf b = {0};
	char confirmed[2 * sizeof(m->at->confirmed) + 1], previous[2 * sizeof(m->at->previous) + 1];
	struct number numbers[NUMBERS];
	int r = weir_buf_addf(&b, HEAD "\n");

	numbers_of(m->at, m->serial, numbers);
	for (size_t i = 0; !r && i < NUMBERS; i++)
		r = weir_buf_addf(&b, "%s %" PRIu64 "\n", numbers[i].name, (uint64_t)*numbers[i].at);
	if (!r)
		r = weir_buf_addf(&b, "confirmed %s\nprevious %s\n",
				  weir_hex(m->at->confirmed, sizeof(m->at->confirmed), confirmed),
				  weir_hex(m->at->previous, sizeof(m->at->previous), previous));
	return r ? r : weir_file_write(m->path, b.data, b.len, 0600);
}

/* The value of the line `name`, which *text stands at; moves on behind it. NULL: another line. */
static char *take_line(char **text, const char *name)
{
	size_t len = strlen(name);
	char *value = *text + len + 1, *end = strchr(*text, '\n');

	if (!end || strncmp(*text, name, len) || value[-1] != ' ')
		return NULL;
	*end = 0;
	*text = end + 1;
	return value;
}

static bool take_number(char **text, const char *name, __u64 *ret)
{
	char *value = take_line(text, name), *end = NULL;

	if (!value || *value < '0' || *value > '9')
		return false;
	errno = 0;
	*ret = strtoull(value, &end, 10);
	return !*end && !errno;
}

static bool take_digest(char **text, const char *name, __u8 ret[32])
{
	char *value = take_line(text, name);

	return value && !weir_unhex(value, ret, 32);
}

static int parse(char *text, struct weir_marks *w, __u64 *serial, struct weir_err *err)
{
	struct number numbers[NUMBERS];
	const char *wrong = strncmp(text, HEAD "\n", strlen(HEAD "\n")) ? HEAD : NULL;

	text += wrong ? 0 : strlen(HEAD "\n");
	numbers_of(w, serial, numbers);
	for (size_t i = 0; !wrong && i < NUMBERS; i++)
		wrong = take_number(&text, numbers[i].name, numbers[i].at) ? NULL : numbers[i].name;
	if (!wrong && !take_digest(&text, "confirmed", w->confirmed))
		wrong = "confirmed";
	if (!wrong && !take_digest(&text, "previous", w->previous))
		wrong = "previous";
	return wrong || *text ? weir_err_set(err, -EBADMSG, "line '%s' is wrong", wrong ? wrong : text) : 0;
}

static void raise_to(__u64 *mark, __u64 v)
{
	*mark = WEIR_MAX(*mark, v);
}

int marks_load(struct marks *m, struct weir_err *err)
{
	weir_auto_free char *text = NULL;
	struct weir_marks disk = {0}, *w = m->at;
	__u64 serial = 0;
	size_t len;
	int r = weir_file_read(m->path, FILE_MAX, &text, &len);

	if (r == -ENOENT)
		return 0;
	if (!r)
		r = parse(text, &disk, &serial, err);
	if (r)
		return weir_err_set(err, r, "%s", strerror(-r));
	if (*m->serial) { /* the kernel has seen bundles */
		raise_to(&w->key_epoch, disk.key_epoch);
		raise_to(&w->undone, disk.undone);
		raise_to(&w->order, disk.order);
	} else {
		*w = disk;
	}
	raise_to(m->serial, serial);
	return 0;
}
