/* SPDX-License-Identifier: Apache-2.0 */
/* A price book's memory, and what its kinds of documents say alike. */
#include "lib/money/book.h"

#include <fcntl.h>

#include "lib/os/file.h"

#define FILES_MAX 1000

struct book_block {
	struct book_block *next;
	max_align_t data[];
};

int weir_pricebook_new(struct weir_pricebook **ret)
{
	struct weir_pricebook *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	*ret = b;
	return 0;
}

void weir_pricebook_free(struct weir_pricebook *b)
{
	if (!b)
		return;
	for (struct book_block *p = b->blocks; p;) {
		struct book_block *next = p->next;

		free(p);
		p = next;
	}
	free(b->rows);
	free(b->rules);
	free(b->members);
	free(b);
}

const char *weir_pricebook_currency(const struct weir_pricebook *b)
{
	return b->currency ? b->currency : "";
}

void *book_alloc(struct weir_pricebook *b, size_t size)
{
	struct book_block *p = calloc(1, sizeof(*p) + size);

	if (!p)
		return NULL;
	p->next = b->blocks;
	b->blocks = p;
	return p->data;
}

const char *book_string(struct weir_pricebook *b, const char *s)
{
	size_t len = strlen(s);
	char *copy = book_alloc(b, len + 1);

	return copy ? memcpy(copy, s, len + 1) : NULL;
}

int book_add_row(struct weir_pricebook *b, const struct book_row *row)
{
	struct book_row **rows = reallocarray(b->rows, b->count + 1, sizeof(*rows));
	struct book_row *copy = book_alloc(b, sizeof(*copy));

	if (rows)
		b->rows = rows;
	if (!rows || !copy)
		return -ENOMEM;
	*copy = *row;
	copy->pub.list = &copy->pub;
	copy->book = b;
	copy->order = b->count;
	b->rows[b->count++] = copy;
	return 0;
}

bool book_has(const struct book_list *l, const char *s)
{
	for (size_t i = 0; i < l->count; i++)
		if (!strcmp(l->items[i], s))
			return true;
	return false;
}

int book_need_string(struct weir_pricebook *b, struct weir_y *map, const char *key, const char **ret,
		     struct weir_err *err)
{
	struct weir_y *y;
	const char *s;
	int r = weir_y_get(map, key, &y, err);

	if (r == 0)
		r = weir_y_str(y, &s, err);
	if (r < 0)
		return r;
	s = book_string(b, s);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

int book_read_string(struct weir_pricebook *b, struct weir_y *map, const char *key, const char **ret,
		     struct weir_err *err)
{
	return weir_y_find(map, key) ? book_need_string(b, map, key, ret, err) : 0;
}

#define LIST_MAX 512

static int add_item(struct weir_pricebook *b, struct weir_y *y, struct book_list *l, struct weir_err *err)
{
	const char *s;
	int r = weir_y_str(y, &s, err);

	if (r < 0)
		return r;
	if (book_has(l, s))
		return weir_y_err(y, err, "'%.60s' stands twice", s);
	s = book_string(b, s);
	if (!s)
		return -ENOMEM;
	l->items[l->count++] = s;
	return 0;
}

/* The group that the item names; NULL: it stands for itself. */
static int group_of(struct weir_y *item, struct weir_y *groups, struct weir_y **ret, struct weir_err *err)
{
	const char *s;
	int r = weir_y_str(item, &s, err);

	*ret = r == 0 && groups ? weir_y_find(groups, s) : NULL;
	return *ret ? weir_y_seq(*ret, err) : r;
}

/* Room for all that the list stands for. */
static int make_room(struct weir_pricebook *b, struct weir_y *seq, struct weir_y *groups, struct book_list *l,
		     struct weir_err *err)
{
	struct weir_y *group;
	size_t n = 0;
	int r = weir_y_seq(seq, err);

	for (size_t i = 0; r == 0 && i < weir_y_count(seq); i++) {
		r = group_of(weir_y_item(seq, i), groups, &group, err);
		n += group ? weir_y_count(group) : 1;
	}
	if (r < 0)
		return r;
	if (!n || n > LIST_MAX)
		return n ? weir_y_err(seq, err, "more than %d entries", LIST_MAX)
			 : weir_y_err(seq, err, "the list is empty");
	l->items = book_alloc(b, n * sizeof(*l->items));
	return l->items ? 0 : -ENOMEM;
}

int book_read_list(struct weir_pricebook *b, struct weir_y *map, const char *key, struct weir_y *groups,
		   struct book_list *ret, struct weir_err *err)
{
	struct weir_y *seq = weir_y_find(map, key), *group;
	struct book_list l = {0};
	int r = seq ? make_room(b, seq, groups, &l, err) : 0;

	for (size_t i = 0; seq && r == 0 && i < weir_y_count(seq); i++) {
		struct weir_y *item = weir_y_item(seq, i);

		r = group_of(item, groups, &group, err);
		for (size_t k = 0; r == 0 && group && k < weir_y_count(group); k++)
			r = add_item(b, weir_y_item(group, k), &l, err);
		if (r == 0 && !group)
			r = add_item(b, item, &l, err);
	}
	if (seq && r == 0)
		*ret = l;
	return r;
}

int book_read_validity(struct weir_y *map, uint64_t *from, uint64_t *to, struct weir_err *err)
{
	struct weir_y *a = weir_y_find(map, "valid_from"), *z = weir_y_find(map, "valid_to");
	int r = 0;

	if (a)
		r = weir_y_time(a, from, err);
	if (r == 0 && z)
		r = weir_y_time(z, to, err);
	if (r == 0 && *to <= *from)
		return weir_y_err(z ? z : a, err, "valid_to must lie behind valid_from");
	return r;
}

static const char *const confidence_names[] = {"unstated", "low", "medium", "high", NULL};

const char *weir_confidence_name(enum weir_confidence c)
{
	return confidence_names[c];
}

int book_read_confidence(struct weir_y *map, enum weir_confidence *ret, struct weir_err *err)
{
	struct weir_y *y = weir_y_find(map, "confidence");
	unsigned int index;
	int r = y ? weir_y_enum(y, confidence_names + 1, &index, err) : 0;

	if (y && r == 0)
		*ret = (enum weir_confidence)(index + 1);
	return r;
}

int book_read_price(struct weir_y *price, int64_t *ret, struct weir_err *err)
{
	int64_t v;
	int r = weir_y_nanos(price, &v, err);

	if (r < 0)
		return r;
	if (v < 0 || v > BOOK_MAX_PRICE_NANOS)
		return weir_y_err(price, err, "a price lies between 0 and 1000");
	*ret = v;
	return 0;
}

int weir_pricebook_add(struct weir_pricebook *b, struct weir_y *doc, struct weir_err *err)
{
	static const struct {
		const char *kind;
		int (*add)(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err);
	} kinds[] = {
		{"PriceBook", book_add_prices},
		{"PriceContract", book_add_contract},
		{"PriceCalibration", book_add_calibration},
	};
	struct weir_y *spec = NULL, *kind = weir_y_find(doc, "kind");
	const char *s = "";
	size_t k = 0;
	int r = kind ? weir_y_str(kind, &s, err) : 0;

	for (size_t i = 1; r == 0 && i < WEIR_ARRAY_SIZE(kinds); i++)
		if (!strcmp(s, kinds[i].kind))
			k = i;
	if (r == 0)
		r = weir_y_head(doc, kinds[k].kind, &spec, err);
	if (r == 0)
		r = kinds[k].add(b, spec, err);
	if (r == -ENOMEM)
		weir_err_set(err, r, "%s:%u:1 .: out of memory", weir_y_file(doc), weir_y_line(doc));
	return r;
}

/* 0 also when it was told that the file is no good; no memory ends a load. */
static int load_file(struct weir_pricebook *b, const char *path, bool *bad,
		     void (*on_error)(const char *line, void *arg), void *arg)
{
	weir_auto_ydoc struct weir_ydoc *doc = NULL;
	struct weir_err whole = {0};
	int r = weir_ydoc_load(path, &doc, &whole);

	if (r < 0 && r != -ENOMEM) {
		*bad = true;
		on_error(*whole.text ? whole.text : path, arg);
		return 0;
	}
	for (size_t i = 0; r == 0 && i < weir_ydoc_count(doc); i++) {
		struct weir_err err = {0};

		r = weir_pricebook_add(b, weir_ydoc_root(doc, i), &err);
		if (r < 0 && r != -ENOMEM) {
			*bad = true;
			on_error(err.text, arg);
			r = 0;
		}
	}
	return r;
}

int weir_pricebook_load_dir(struct weir_pricebook *b, const char *dir, void (*on_error)(const char *line, void *arg),
			    void *arg)
{
	weir_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_strv char **names = NULL;
	bool bad = false;
	int r = fd < 0 ? -errno : weir_dir_list(fd, ".yaml", FILES_MAX, &names);

	if (r == 0 && !names[0])
		r = -ENOENT;
	if (r < 0) {
		weir_auto_free char *line = weir_strf("%s: cannot read price books: %s", dir, strerror(-r));

		on_error(line ? line : dir, arg);
		return r;
	}
	for (size_t i = 0; r == 0 && names[i]; i++) {
		weir_auto_free char *path = weir_strf("%s/%s", dir, names[i]);

		r = path ? load_file(b, path, &bad, on_error, arg) : -ENOMEM;
	}
	return r < 0 ? r : bad ? -EINVAL : 0;
}
