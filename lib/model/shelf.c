/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/model/shelf.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "lib/ds/grow.h"
#include "lib/model/shelf_impl.h"
#include "lib/os/file.h"

#define HASH_PREFIX_MIN 8

void shelf_note(const struct weir_shelf *s, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!s->note)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	s->note(line, s->note_arg);
}

int shelf_path(const struct weir_shelf *s, const char *use, const char *name, char ret[SHELF_PATH_MAX])
{
	int n = snprintf(ret, SHELF_PATH_MAX, "%s/%s/%s", s->dir, use, name);

	return n < 0 || n >= SHELF_PATH_MAX ? -ENAMETOOLONG : 0;
}

bool weir_shelf_is_use(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n && n < WEIR_USE_MAX && !name[n] && *name != '-';
}

struct shelf_use *shelf_find(struct weir_shelf *s, const char *name)
{
	for (size_t i = 0; i < s->uses; i++)
		if (!strcmp(s->use[i].name, name))
			return &s->use[i];
	return NULL;
}

static void use_fini(struct shelf_use *u)
{
	free(u->entry);
	free(u->decision);
}

int shelf_use_init(struct shelf_use *u, const char *name)
{
	*u = (struct shelf_use){0};
	if (weir_strcpy(u->name, sizeof(u->name), name))
		return -EINVAL;
	u->decision = calloc(WEIR_SHELF_HISTORY, sizeof(*u->decision));
	return u->decision ? 0 : -ENOMEM;
}

/* The one that was made champion before this one, as far as it is still there. */
void shelf_previous_of(struct shelf_use *u, const char *champion, char ret[WEIR_MODEL_HASH_TEXT])
{
	ret[0] = '\0';
	for (size_t i = u->decisions; i > 0 && *champion; i--) {
		const struct weir_shelf_decision *d = &u->decision[i - 1];
		struct shelf_entry *e;

		if (strcmp(d->champion, champion) || strcmp(d->hash, champion) || d->verdict == WEIR_SHELF_ROLLED_BACK)
			continue;
		e = shelf_entry_find(u, d->previous);
		if (e && e->whole)
			memcpy(ret, d->previous, WEIR_MODEL_HASH_TEXT);
		return;
	}
}

/* A champion whose file is not whole is none: the whole one that was champion last stands in. */
static void stand_in(struct weir_shelf *s, struct shelf_use *u)
{
	struct shelf_entry *e = shelf_entry_find(u, u->champion);
	char lost[WEIR_MODEL_HASH_TEXT];

	if (!*u->champion || (e && e->whole)) {
		e = shelf_entry_find(u, u->previous);
		if (!e || !e->whole)
			u->previous[0] = '\0';
		return;
	}
	memcpy(lost, u->champion, sizeof(lost));
	u->champion[0] = u->previous[0] = '\0';
	for (size_t i = u->decisions; i > 0 && !*u->champion; i--) {
		const struct weir_shelf_decision *d = &u->decision[i - 1];
		const char *const was[] = {d->champion, d->previous};

		for (size_t k = 0; k < WEIR_ARRAY_SIZE(was) && !*u->champion; k++)
			if ((e = shelf_entry_find(u, was[k])) && e->whole)
				memcpy(u->champion, was[k], sizeof(u->champion));
	}
	shelf_previous_of(u, u->champion, u->previous);
	shelf_note(s, "%s: the champion %.16s is missing or damaged; %s%.16s", u->name, lost, *u->champion ? "in its place is " : "there is none in its place",
		   u->champion);
}

static int read_use(struct weir_shelf *s, const char *name)
{
	struct shelf_use *u = &s->use[s->uses];
	int r = shelf_use_init(u, name);

	s->uses++;
	r = r ? r : shelf_files_read(s, u);
	r = r ? r : shelf_history_read(s, u);
	if (r)
		return r;
	stand_in(s, u);
	if (u->decisions)
		shelf_prune(s, u);
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A use that cannot be read is one that is not there; the others are. */
static int read_all(struct weir_shelf *s, struct weir_err *err)
{
	struct dirent **list = NULL;
	int n = scandir(s->dir, &list, NULL, by_name);

	if (n < 0)
		return weir_err_set(err, -errno, "%s: cannot be listed: %m", s->dir);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;
		char path[SHELF_PATH_MAX];
		struct stat st;
		int r = shelf_path(s, name, ".", path);

		if (*name != '.' && !r && !stat(path, &st) && S_ISDIR(st.st_mode)) {
			if (!weir_shelf_is_use(name) || s->uses == WEIR_SHELF_USES_MAX)
				shelf_note(s, "%s/%.100s is passed over: %s", s->dir, name, weir_shelf_is_use(name) ? "too many uses" : "its name is none of a use");
			else if ((r = read_use(s, name))) {
				shelf_note(s, "%s/%s cannot be read and is passed over: %s", s->dir, name, strerror(-r));
				use_fini(&s->use[--s->uses]);
			}
		}
		free(list[i]);
	}
	free(list);
	return 0;
}

int weir_shelf_open(const char *dir, void (*note)(const char *line, void *arg), void *arg, struct weir_shelf **ret, struct weir_err *err)
{
	weir_auto_shelf *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->note = note;
	s->note_arg = arg;
	s->use = calloc(WEIR_SHELF_USES_MAX, sizeof(*s->use));
	if (!s->use)
		return -ENOMEM;
	if (weir_strcpy(s->dir, sizeof(s->dir), dir))
		return weir_err_set(err, -ENAMETOOLONG, "%.100s...: the name is too long", dir);
	r = weir_mkdir_p(dir, 0700);
	if (r)
		return weir_err_set(err, r, "%s: cannot be made: %s", dir, strerror(-r));
	r = read_all(s, err);
	if (!r)
		*ret = weir_take_ptr(s);
	return r;
}

void weir_shelf_close(struct weir_shelf *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->use && i < s->uses; i++)
		use_fini(&s->use[i]);
	free(s->use);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void weir_shelf_champion_hash(struct weir_shelf *s, const char *use, char ret[WEIR_MODEL_HASH_TEXT])
{
	shelf_auto_lock *held = shelf_lock(s);
	const struct shelf_use *u = shelf_find(s, use);

	(void)held;
	snprintf(ret, WEIR_MODEL_HASH_TEXT, "%s", u ? u->champion : "");
}

int weir_shelf_champion(struct weir_shelf *s, const char *use, struct weir_model *ret, struct weir_err *err)
{
	char hash[WEIR_MODEL_HASH_TEXT], again[WEIR_MODEL_HASH_TEXT];
	int r;

	/* What was champion a moment ago may be gone by two decisions since. */
	for (weir_shelf_champion_hash(s, use, hash); *hash; memcpy(hash, again, sizeof(hash))) {
		struct weir_err why = {{0}};

		r = shelf_model_read(s, use, hash, ret, &why);
		if (!r)
			return 0;
		weir_shelf_champion_hash(s, use, again);
		if (!strcmp(hash, again))
			return weir_err_set(err, r, "%s", why.text);
	}
	return -ENOENT;
}

/* The whole hash of one that begins so. */
static int complete(struct weir_shelf *s, const char *use, const char *begin, char ret[WEIR_MODEL_HASH_TEXT], struct weir_err *err)
{
	shelf_auto_lock *held = shelf_lock(s);
	const struct shelf_use *u = shelf_find(s, use);
	size_t len = strlen(begin), found = 0;

	(void)held;
	if (!u)
		return weir_err_set(err, -ENOENT, "there is no use '%.60s' of models; see: weirctl models list", use);
	for (size_t i = 0; i < u->entries && len >= HASH_PREFIX_MIN; i++)
		if (!u->entry[i].pending && u->entry[i].whole && !strncmp(u->entry[i].hash, begin, len)) {
			memcpy(ret, u->entry[i].hash, WEIR_MODEL_HASH_TEXT);
			found++;
		}
	if (found == 1)
		return 0;
	return weir_err_set(err, found ? -EINVAL : -ENOENT, "%s: %s '%.70s'; at least %d digits of one are needed", use,
			    found ? "more than one model begins with" : "there is no model", begin, HASH_PREFIX_MIN);
}

int weir_shelf_load(struct weir_shelf *s, const char *use, const char *hash, struct weir_model *ret, struct weir_err *err)
{
	char whole[WEIR_MODEL_HASH_TEXT];
	int r = complete(s, use, hash, whole, err);

	return r ? r : shelf_model_read(s, use, whole, ret, err);
}
