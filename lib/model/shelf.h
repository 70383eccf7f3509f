/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shelf: the models that are in use, as files of a directory, by *use* ("forecast-cost-hourly"):
 *
 *   USE/HASH.model  a model (frame.h), named by the SHA-256 that ends it; written once, synced before it has its name, never
 *                   changed; at most WEIR_SHELF_MODELS_MAX of a use
 *   USE/history     what was decided of it, a line each, appended and synced; shelf_history.c describes it. The last line
 *                   says which model is champion, so a decision is in force when its line is whole, and not before.
 *
 * What is damaged is told and passed over: a line, a model. Where the champion's file is gone or damaged, the whole one
 * that was champion last stands in. Whoever is killed at any point leaves the old champion or the new one.
 *
 * One process has a shelf open, any of its threads may call. No call waits for the reading, writing or packing of a model by
 * another one. Time is an argument.
 */
#ifndef WEIR_MODEL_SHELF_H
#define WEIR_MODEL_SHELF_H

#include "lib/model/model.h"

#define WEIR_SHELF_USES_MAX 64
#define WEIR_SHELF_MODELS_MAX 8      /* models of a use: champion, the one before, the last challenger, then former champions */
#define WEIR_SHELF_HISTORY 128 /* decisions of a use that are kept */
#define WEIR_USE_MAX 48	       /* of a name: a-z, 0-9 and -, ended */
#define WEIR_MODEL_HASH_TEXT (2 * WEIR_SHA256_LEN + 1)
#define WEIR_SHELF_WHY_MAX 512

enum weir_shelf_verdict {
	WEIR_SHELF_FIRST,	/* there was no champion */
	WEIR_SHELF_REPLACED,	/* the challenger was better */
	WEIR_SHELF_REFRESHED, /* the champion's recipe, fitted to newer data */
	WEIR_SHELF_KEPT,	/* the champion stays: the challenger was not better */
	WEIR_SHELF_REFUSED,	/* the champion stays, whatever the challenger scored */
	WEIR_SHELF_ROLLED_BACK,
	WEIR_SHELF_VERDICTS,
};
const char *weir_shelf_verdict_name(enum weir_shelf_verdict v);

struct weir_shelf_decision {
	int64_t time_s;
	enum weir_shelf_verdict verdict;
	char model[32];			     /* what was offered, or taken back: the name in the table of models */
	char hash[WEIR_MODEL_HASH_TEXT];     /* of it; "" when it was not kept as a file */
	char champion[WEIR_MODEL_HASH_TEXT]; /* from then on, "" = none */
	char previous[WEIR_MODEL_HASH_TEXT]; /* what a rollback goes back to, "" = nothing */
	int64_t barrier_s;		     /* models whose data end here or before are not taken (a rollback); INT64_MIN = none */
	double before, after;		     /* errors on held-back data: champion and challenger; NaN = not known */
	char reason[64];		     /* why it was trained: "schedule", "drift", "first"; of a rollback who wanted it */
	char why[WEIR_SHELF_WHY_MAX];		     /* a sentence with numbers */
};

/* Whether this may be the name of a use. */
bool weir_shelf_is_use(const char *name);

struct weir_shelf;

/*
 * Makes the directory if it is missing, reads all histories and checks every model's hash. note (may be NULL) is called with
 * one line for each thing that was passed over, here and later on, from the thread that met it.
 */
int weir_shelf_open(const char *dir, void (*note)(const char *line, void *arg), void *arg, struct weir_shelf **ret, struct weir_err *err);
void weir_shelf_close(struct weir_shelf *s); /* takes NULL */
static inline void weir_shelf_closep(struct weir_shelf **s)
{
	weir_shelf_close(*s);
}
#define weir_auto_shelf weir_cleanup(weir_shelf_closep) struct weir_shelf

/* "" when there is no champion. No file is read: what is cheap to look at now and then, as a rollback may come any time. */
void weir_shelf_champion_hash(struct weir_shelf *s, const char *use, char ret[WEIR_MODEL_HASH_TEXT]);
/* -ENOENT without a champion, without a line in err. */
int weir_shelf_champion(struct weir_shelf *s, const char *use, struct weir_model *ret, struct weir_err *err);
/* The model of that hash, or of the only one that begins so (8 digits or more). -ENOENT. */
int weir_shelf_load(struct weir_shelf *s, const char *use, const char *hash, struct weir_model *ret, struct weir_err *err);

/* What a gate has found. */
struct weir_offer {
	enum weir_shelf_verdict verdict; /* FIRST, REPLACED, REFRESHED: it is to be champion; KEPT, REFUSED: it is not */
	const char *against;	   /* hash of the champion that it was compared with, "" = there was none */
	double before, after;	   /* as in struct weir_shelf_decision */
	const char *reason, *why;
};

/*
 * Writes the model and the decision. A model that is to be champion is REFUSED when its data end no later than what was rolled back, and KEPT
 * out when the champion is no more the one that it was compared with, or is the same. -EINVAL for a use that is no name, -E2BIG for too many
 * uses; on failure the champion is as before. *ret (may be NULL) is what was decided.
 */
int weir_shelf_offer(struct weir_shelf *s, const char *use, const struct weir_model *m, const struct weir_offer *o, int64_t now_s,
		     struct weir_shelf_decision *ret, struct weir_err *err);
/*
 * Back to the champion before, whose file is on the shelf. The present one, and whatever was learnt from no newer data, is not
 * taken again. -ENOENT when there is none before it.
 */
int weir_shelf_rollback(struct weir_shelf *s, const char *use, int64_t now_s, const char *who, struct weir_shelf_decision *ret,
			struct weir_err *err);

struct weir_shelf_item {
	char use[WEIR_USE_MAX];
	char hash[WEIR_MODEL_HASH_TEXT];
	char name[32];
	const char *state; /* "champion", "previous", "former", "challenger" */
	uint32_t version;
	int64_t from_s, to_s; /* of the data */
	int64_t made_s;	      /* when it was offered; 0 when the history does not say any more */
	uint64_t series, points, bytes;
	double error; /* on held-back data when it was offered; NaN */
};

/* All models, by use, the champion first; use NULL = of all. malloc'ed. */
int weir_shelf_list(struct weir_shelf *s, const char *use, struct weir_shelf_item **ret, size_t *ret_count);
/* Decisions, oldest first; malloc'ed. -ENOENT for a use that the shelf does not have. */
int weir_shelf_history(struct weir_shelf *s, const char *use, struct weir_shelf_decision **ret, size_t *ret_count);

#endif
