/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/gitops.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

/* A directory of more entries than this is left to weir_repo_load to refuse. */
#define FINGERPRINT_ENTRIES 4096

/* What is served; both NULL or of the same content. */
struct offer {
	struct weir_approval *approval;
	struct weir_release *release;
	uint8_t digest[WEIR_SHA256_LEN]; /* of the manifest */
};

struct gitops {
	char *dir;
	enum gitops_state state;
	struct weir_repo *repo;
	struct offer in_force, candidate;
	uint8_t fingerprint[WEIR_SHA256_LEN];
	bool settled; /* the fingerprint was the same twice: nothing is being written */
	char error[sizeof(((struct weir_err *)0)->text)];
};

static void repo_freep(struct weir_repo **r)
{
	weir_repo_free(*r);
}

static void approval_freep(struct weir_approval **a)
{
	weir_approval_free(*a);
}

static void offer_fini(struct offer *o)
{
	weir_approval_free(o->approval);
	weir_release_free(o->release);
	*o = (struct offer){0};
}

static void dir_closep(DIR **d)
{
	if (*d)
		closedir(*d);
}

const char *gitops_state_name(enum gitops_state s)
{
	static const char *const names[] = {"empty", "rejected", "awaiting-approval", "shadow",
					    "approved"};

	return names[s];
}

int gitops_new(const char *dir, struct gitops **ret)
{
	struct gitops *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->dir = strdup(dir);
	if (!g->dir) {
		free(g);
		return -ENOMEM;
	}
	*ret = g;
	return 0;
}

void gitops_free(struct gitops *g)
{
	if (!g)
		return;
	weir_repo_free(g->repo);
	offer_fini(&g->in_force);
	offer_fini(&g->candidate);
	free(g->dir);
	free(g);
}

/* Names, sizes, inodes and times of the files, two levels deep: cheap enough for every poll. */
static int fingerprint_dir(int dirfd, unsigned int depth, unsigned int *left, struct weir_sha256 *h)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_cleanup(dir_closep) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && *left && (e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] == '.' || fstatat(fd, e->d_name, &st, 0))
			continue;
		(*left)--;
		r = weir_sha256_add(h, e->d_name, strlen(e->d_name) + 1);
		if (!r && S_ISDIR(st.st_mode) && depth) {
			weir_auto_close int sub =
				openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			r = sub < 0 ? 0 : fingerprint_dir(sub, depth - 1, left, h);
		} else if (!r) {
			const int64_t facts[] = {st.st_size, (int64_t)st.st_ino, st.st_mtim.tv_sec,
						 st.st_mtim.tv_nsec, st.st_ctim.tv_sec,
						 st.st_ctim.tv_nsec};

			r = weir_sha256_add(h, facts, sizeof(facts));
		}
	}
	return r;
}

static int fingerprint(const char *dir, uint8_t ret[WEIR_SHA256_LEN])
{
	weir_auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto_sha256 *h = NULL;
	unsigned int left = FINGERPRINT_ENTRIES;
	int r;

	if (fd < 0)
		return -errno;
	r = weir_sha256_new(&h);
	if (!r)
		r = fingerprint_dir(fd, 1, &left, h);
	return r ? r : weir_sha256_end(h, ret);
}

/* States a reason once: GITOPS_FAILED only when it is another than the last. */
static int fail(struct gitops *g, enum gitops_state state, const char *text)
{
	bool stated = g->state == state && !strcmp(g->error, text);

	g->state = state;
	snprintf(g->error, sizeof(g->error), "%s", text);
	return stated ? 0 : GITOPS_FAILED;
}

static bool is_approver(const struct weir_repo *r, const uint8_t key[WEIR_KEY_LEN])
{
	for (size_t i = 0; i < r->approver_count; i++)
		if (!memcmp(r->approvers[i], key, WEIR_KEY_LEN))
			return true;
	return false;
}

uint32_t gitops_signers(const struct weir_repo *r, const struct weir_approval *a)
{
	uint32_t n = 0;

	for (size_t i = 0; i < a->sig_count; i++) {
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again |= !memcmp(a->sigs[k].key, a->sigs[i].key, WEIR_KEY_LEN);
		if (!again && is_approver(r, a->sigs[i].key) &&
		    !weir_sig_verify(a->sigs[i].key, a->manifest_text, a->manifest_len,
				     a->sigs[i].sig))
			n++;
	}
	return n;
}

/* The approval for what g->repo holds, strong enough and not behind what is served. */
static int find_approval(struct gitops *g, bool shadow, struct weir_approval **ret, struct weir_err *err)
{
	weir_cleanup(approval_freep) struct weir_approval *a = NULL;
	uint64_t running = gitops_approval(g) ? gitops_approval(g)->manifest.serial : 0;
	uint32_t signers;
	int r = weir_approval_find(g->dir, g->repo, shadow, &a, err);

	if (r)
		return r;
	signers = gitops_signers(g->repo, a);
	if (signers < g->repo->threshold || !signers)
		return weir_err_set(err, -EACCES,
				    "serial %" PRIu64 " has %u of %u approvals: run weirctl policy sign",
				    a->manifest.serial, signers, g->repo->threshold);
	if (a->manifest.serial < running)
		return weir_err_set(err, -ESTALE,
				    "serial %" PRIu64 ", approved for this content, is older than the "
				    "running %" PRIu64 ": run weirctl policy sign for a new one",
				    a->manifest.serial, running);
	*ret = weir_take_ptr(a);
	return 0;
}

/* Serves bundles of g->repo under the approval, which it takes. 1: something else than before. */
static int offer_make(struct offer *o, const struct weir_repo *repo, struct weir_approval **a, struct weir_err *err)
{
	weir_cleanup(offer_fini) struct offer fresh = {.approval = weir_take_ptr(*a)};
	const struct weir_approval *now = fresh.approval;
	int r = weir_release_make(repo, now->manifest.serial, now->manifest.not_before_s, now->manifest.shadow,
				  &fresh.release, err);

	if (!r)
		r = weir_sha256(now->manifest_text, now->manifest_len, fresh.digest);
	if (r)
		return r;
	r = !o->approval || memcmp(o->digest, fresh.digest, sizeof(fresh.digest));
	offer_fini(o);
	*o = fresh;
	fresh = (struct offer){0};
	return r;
}

static int no_candidate(struct gitops *g)
{
	bool had = g->candidate.approval;

	offer_fini(&g->candidate);
	return had ? GITOPS_CANDIDATE : 0;
}

/* Of approvals for both stages the newer one says what is wanted; but what is in force already needs no
 * shadow. */
static bool is_enforced(const struct gitops *g, const struct weir_approval *real,
			const struct weir_approval *shadow)
{
	const struct weir_approval *running = gitops_approval(g);

	return real && (!shadow || real->manifest.serial > shadow->manifest.serial ||
			(running && running->manifest.serial == real->manifest.serial));
}

/*
 * The candidate is what the directory holds while that is approved for shadow. It ends when that is
 * approved for real, when the approval is withdrawn, and when the directory holds something else.
 */
static int release(struct gitops *g)
{
	weir_cleanup(approval_freep) struct weir_approval *real = NULL, *shadow = NULL;
	struct weir_err err = {0}, shadow_err = {0};
	int why = find_approval(g, false, &real, &err);
	int r = find_approval(g, true, &shadow, &shadow_err);
	bool enforced = is_enforced(g, real, shadow);

	if (!enforced && !shadow)
		return no_candidate(g) |
		       fail(g, GITOPS_UNAPPROVED, why == -ENOENT && r != -ENOENT ? shadow_err.text : err.text);
	r = enforced ? offer_make(&g->in_force, g->repo, &real, &err) :
		       offer_make(&g->candidate, g->repo, &shadow, &err);
	if (r < 0)
		return fail(g, GITOPS_REJECTED, err.text);
	g->state = enforced ? GITOPS_APPROVED : GITOPS_SHADOW;
	g->error[0] = 0;
	if (!enforced)
		return r ? GITOPS_CANDIDATE : 0;
	return no_candidate(g) | (r ? GITOPS_RELEASED : 0);
}

int gitops_poll(struct gitops *g)
{
	weir_cleanup(repo_freep) struct weir_repo *repo = NULL;
	struct weir_err err = {0};
	uint8_t now[WEIR_SHA256_LEN] = {0};
	int r = fingerprint(g->dir, now), changed = 0;
	bool same = !memcmp(now, g->fingerprint, sizeof(now));

	if (r) {
		weir_err_set(&err, r, "%s: cannot read the policy directory: %s", g->dir, strerror(-r));
		return fail(g, GITOPS_REJECTED, err.text);
	}
	if (same && g->settled)
		return 0;
	/* Timestamps are coarse: a change within their tick shows only in what a second load reads. */
	g->settled = same;
	memcpy(g->fingerprint, now, sizeof(now));
	if (weir_repo_load(g->dir, &repo, &err, NULL, NULL))
		return fail(g, GITOPS_REJECTED, err.text);
	if (!g->repo || memcmp(g->repo->source, repo->source, sizeof(repo->source))) {
		changed = GITOPS_LOADED;
		weir_repo_free(g->repo);
		g->repo = weir_take_ptr(repo); /* else the one stays of which the bundles are compiled */
	}
	return changed | release(g);
}

enum gitops_state gitops_state(const struct gitops *g)
{
	return g->state;
}

const char *gitops_error(const struct gitops *g)
{
	return g->error;
}

const struct weir_repo *gitops_repo(const struct gitops *g)
{
	return g->repo;
}

const struct weir_approval *gitops_approval(const struct gitops *g)
{
	return g->in_force.approval;
}

static const struct weir_buf *bundle_of(const struct offer *o, const char *class)
{
	const struct weir_manifest *m = o->release ? &o->release->manifest : NULL;

	for (size_t i = 0; m && i < m->class_count; i++)
		if (!strcmp(m->classes[i].name, class))
			return &o->release->bundles[i];
	return NULL;
}

const struct weir_buf *gitops_bundle(const struct gitops *g, const char *class)
{
	return bundle_of(&g->in_force, class);
}

uint64_t gitops_serial(const struct gitops *g, const char *class)
{
	return gitops_bundle(g, class) ? g->in_force.approval->manifest.serial : 0;
}

bool gitops_settled(const struct gitops *g)
{
	return g->repo;
}

const struct weir_approval *gitops_candidate(const struct gitops *g)
{
	return g->candidate.approval;
}

const struct weir_buf *gitops_candidate_bundle(const struct gitops *g, const char *class)
{
	return bundle_of(&g->candidate, class);
}

const uint8_t *gitops_candidate_digest(const struct gitops *g)
{
	return g->candidate.digest;
}
