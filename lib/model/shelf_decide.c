/* SPDX-License-Identifier: Apache-2.0 */
/* Offers and rollbacks: a model's file first, then the line that puts it in force. */
#include <inttypes.h>
#include <math.h>

#include "lib/ds/grow.h"
#include "lib/model/shelf_impl.h"
#include "lib/os/file.h"

/* The use, made when it is not there. The lock is held. */
static int open_use(struct weir_shelf *s, const char *name, struct shelf_use **ret, struct weir_err *err)
{
	struct shelf_use *u = shelf_find(s, name);
	char path[SHELF_PATH_MAX];
	int r;

	if (!weir_shelf_is_use(name))
		return weir_err_set(err, -EINVAL, "'%.60s' is no name of a use: a-z, 0-9 and -, at most %d", name, WEIR_USE_MAX - 1);
	if (!u) {
		if (s->uses == WEIR_SHELF_USES_MAX)
			return weir_err_set(err, -E2BIG, "%s: at most %d uses of models", s->dir, WEIR_SHELF_USES_MAX);
		r = shelf_path(s, name, ".", path);
		r = r ? r : weir_mkdir_p(path, 0700);
		if (r)
			return weir_err_set(err, r, "%s: cannot be made: %s", path, strerror(-r));
		u = &s->use[s->uses];
		r = shelf_use_init(u, name);
		if (r)
			return r;
		s->uses++;
	}
	*ret = u;
	return 0;
}

/* An entry that nobody removes while its file is written. The lock is held. */
static int hold_entry(struct shelf_use *u, const char *hash, const struct weir_model *m, size_t bytes)
{
	struct shelf_entry *e = shelf_entry_find(u, hash);
	int r;

	if (!e) {
		r = weir_grow(&u->entry, u->entries, &u->entries_cap, sizeof(*u->entry));
		if (r)
			return r;
		e = &u->entry[u->entries++];
		*e = (struct shelf_entry){0};
		memcpy(e->hash, hash, sizeof(e->hash));
	}
	memcpy(e->name, m->meta.name, sizeof(e->name));
	e->version = m->meta.version;
	e->from_s = m->meta.from_s;
	e->to_s = m->meta.to_s;
	e->series = m->meta.series;
	e->points = m->meta.points;
	e->bytes = bytes;
	e->pending++;
	return 0;
}

static void state_of(struct shelf_use *u, struct weir_shelf_decision *d)
{
	memcpy(d->champion, u->champion, sizeof(d->champion));
	memcpy(d->previous, u->previous, sizeof(d->previous));
	d->barrier_s = u->decisions ? u->decision[u->decisions - 1].barrier_s : INT64_MIN;
}

/* What comes of an offer, by what holds now. */
static void decide(struct shelf_use *u, const struct weir_model *m, const struct weir_offer *o, struct weir_shelf_decision *d)
{
	bool wanted = o->verdict == WEIR_SHELF_FIRST || o->verdict == WEIR_SHELF_REPLACED || o->verdict == WEIR_SHELF_REFRESHED;

	d->verdict = wanted || o->verdict == WEIR_SHELF_REFUSED ? o->verdict : WEIR_SHELF_KEPT;
	snprintf(d->why, sizeof(d->why), "%s", o->why);
	if (!wanted)
		return;
	if (strcmp(u->champion, o->against)) {
		d->verdict = WEIR_SHELF_KEPT;
		snprintf(d->why, sizeof(d->why), "the champion became another one (%.12s) while %s was compared with %.12s", u->champion, m->meta.name,
			 *o->against ? o->against : "none");
	} else if (!strcmp(u->champion, d->hash)) {
		d->verdict = WEIR_SHELF_KEPT;
		snprintf(d->why, sizeof(d->why), "it is the champion, to the byte");
	} else if (d->barrier_s != INT64_MIN && m->meta.to_s <= d->barrier_s) {
		d->verdict = WEIR_SHELF_REFUSED;
		snprintf(d->why, sizeof(d->why), "a model learnt from data up to %" PRId64 " was rolled back; this one's end at %" PRId64 ", newer ones are needed",
			 d->barrier_s, m->meta.to_s);
	} else {
		memcpy(d->previous, u->champion, sizeof(d->previous));
		memcpy(d->champion, d->hash, sizeof(d->champion));
	}
}

static int write_model(struct weir_shelf *s, const char *use, const char *hash, const struct weir_buf *bytes, struct weir_err *err)
{
	char name[WEIR_MODEL_HASH_TEXT + sizeof(SHELF_SUFFIX)], path[SHELF_PATH_MAX];
	int r;

	snprintf(name, sizeof(name), "%s" SHELF_SUFFIX, hash);
	r = shelf_path(s, use, name, path);
	r = r ? r : weir_file_write(path, bytes->data, bytes->len, 0600);
	return r ? weir_err_set(err, r, "%s: cannot be written: %s", path, strerror(-r)) : 0;
}

/* Behind the writing: the decision, or nothing. */
static int settle(struct weir_shelf *s, const char *use, const struct weir_model *m, const struct weir_offer *o, int written,
		  struct weir_shelf_decision *d, struct weir_err *err)
{
	shelf_auto_lock *held = shelf_lock(s);
	struct shelf_use *u = shelf_find(s, use);
	struct shelf_entry *e = shelf_entry_find(u, d->hash);
	int r = written;

	(void)held;
	e->pending--;
	if (!r) {
		e->whole = true;
		state_of(u, d);
		decide(u, m, o, d);
		r = shelf_history_add(s, u, d);
		if (r)
			weir_err_set(err, r, "%s/%s/%s: cannot be written: %s", s->dir, use, SHELF_HISTORY_FILE, strerror(-r));
		else
			*d = u->decision[u->decisions - 1];
	} else if (!e->whole && !e->pending) {
		*e = u->entry[--u->entries];
	}
	shelf_prune(s, u);
	return r;
}

int weir_shelf_offer(struct weir_shelf *s, const char *use, const struct weir_model *m, const struct weir_offer *o, int64_t now_s,
		     struct weir_shelf_decision *ret, struct weir_err *err)
{
	weir_auto_buf struct weir_buf bytes = {.max = WEIR_FRAME_MAX};
	struct weir_shelf_decision d = {.time_s = now_s, .before = o->before, .after = o->after};
	struct shelf_use *u = NULL;
	int r = weir_model_pack(m, &bytes);

	if (r)
		return weir_err_set(err, r, "model '%s' cannot be packed: %s", m->meta.name, strerror(-r));
	weir_hex(bytes.data + bytes.len - WEIR_SHA256_LEN, WEIR_SHA256_LEN, d.hash);
	memcpy(d.model, m->meta.name, sizeof(d.model));
	snprintf(d.reason, sizeof(d.reason), "%s", o->reason);
	pthread_mutex_lock(&s->lock);
	r = open_use(s, use, &u, err);
	r = r ? r : hold_entry(u, d.hash, m, bytes.len);
	pthread_mutex_unlock(&s->lock);
	if (r)
		return r;
	r = settle(s, use, m, o, write_model(s, use, d.hash, &bytes, err), &d, err);
	if (!r && ret)
		*ret = d;
	return r;
}

int weir_shelf_rollback(struct weir_shelf *s, const char *use, int64_t now_s, const char *who, struct weir_shelf_decision *ret,
			struct weir_err *err)
{
	shelf_auto_lock *held = shelf_lock(s);
	struct weir_shelf_decision d = {.time_s = now_s, .verdict = WEIR_SHELF_ROLLED_BACK, .before = NAN, .after = NAN};
	struct shelf_use *u = shelf_find(s, use);
	const struct shelf_entry *e;
	int r;

	(void)held;
	if (!u || !*u->champion)
		return weir_err_set(err, -ENOENT, "%s '%.60s'; see: weirctl models list", u ? "there is no champion of" : "there is no use", use);
	if (!*u->previous)
		return weir_err_set(err, -ENOENT, "%s: there is no champion before %.12s to go back to", use, u->champion);
	e = shelf_entry_find(u, u->champion);
	state_of(u, &d);
	memcpy(d.hash, u->champion, sizeof(d.hash));
	memcpy(d.champion, u->previous, sizeof(d.champion));
	shelf_previous_of(u, d.champion, d.previous);
	if (e) {
		memcpy(d.model, e->name, sizeof(d.model));
		d.barrier_s = WEIR_MAX(d.barrier_s, e->to_s);
	}
	snprintf(d.reason, sizeof(d.reason), "%s", who);
	snprintf(d.why, sizeof(d.why), "%.12s is taken back, %.12s is champion again; models of no newer data are not taken", d.hash, d.champion);
	r = shelf_history_add(s, u, &d);
	if (r)
		return weir_err_set(err, r, "%s/%s/%s: cannot be written: %s", s->dir, use, SHELF_HISTORY_FILE, strerror(-r));
	if (ret)
		*ret = u->decision[u->decisions - 1];
	return 0;
}
