/* SPDX-License-Identifier: Apache-2.0 */
/* Series as they come from who measures badly: a share of the values missing, or wrong in ways that the file says. */
#include "lib/model/random.h"
#include "tests/eval/nab/tune.h"

#define SHARE 0.1
#define LATE_S 7200

const char *const nab_worn_kind[NAB_WORN_KINDS] = {"missing", "faults", "spikes"};

/* A row repeated, come late, stuck, in another unit, or begun anew. */
static void fault(struct nab_file *f, const struct nab_file *from, size_t i, uint64_t which)
{
	static const double units[] = {1000, 1024, 1e6};

	if (which == 0) {
		f->time[i] = from->time[i - 1];
		f->value[i] = from->value[i - 1];
	} else if (which == 1) {
		f->time[i] -= LATE_S;
	} else if (which == 2) {
		f->value[i] = from->value[i - 1];
	} else if (which == 3) {
		f->value[i] *= units[i % WEIR_ARRAY_SIZE(units)];
	} else {
		f->value[i] = 0;
	}
}

/* Shares what is known of rows with the file that it is made of. */
static struct nab_file worn(const struct nab_file *from, enum nab_worn kind, struct weir_random *r)
{
	struct nab_file f = *from;

	f.time = malloc(f.n * sizeof(*f.time));
	f.value = malloc(f.n * sizeof(*f.value));
	f.likely = calloc(f.n, sizeof(*f.likely));
	f.step = calloc(f.n, sizeof(*f.step));
	if (!f.time || !f.value || !f.likely || !f.step)
		abort();
	memcpy(f.time, from->time, f.n * sizeof(*f.time));
	memcpy(f.value, from->value, f.n * sizeof(*f.value));
	for (size_t i = 1; i < f.n; i++) {
		if (weir_random_unit(r) >= SHARE)
			continue;
		if (kind == NAB_MISSING)
			f.value[i] = NAN;
		else if (kind == NAB_FAULTS)
			fault(&f, from, i, weir_random_below(r, 5));
		else
			f.value[i] *= weir_random_below(r, 2) ? 10 : 0;
	}
	return f;
}

void nab_worn(const struct nab_set *s, enum nab_worn kind, uint64_t seed, struct nab_set *ret)
{
	struct weir_random r = weir_random_of(seed);

	ret->count = s->count;
	for (size_t i = 0; i < s->count; i++)
		ret->file[i] = worn(&s->file[i], kind, &r);
}

void nab_worn_free(struct nab_set *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->file[i].time);
		free(s->file[i].value);
		free(s->file[i].likely);
		free(s->file[i].step);
	}
	s->count = 0;
}
