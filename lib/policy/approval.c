/* SPDX-License-Identifier: Apache-2.0 */
/*
 * approvals/: manifests with their signatures, beside the content they approve. A file that does
 * not read as what its name says counts as absent: agents judge signatures, this only collects
 * them.
 */
#include <ctype.h>
#include <fcntl.h>

#include "lib/os/file.h"
#include "lib/policy/repo.h"

#define MAX_FILES 10000

struct shelf {
	char *path; /* DIR/approvals */
	int fd;	    /* -1: there is none yet */
	char **manifests;
};

static void shelf_fini(struct shelf *s)
{
	free(s->path);
	weir_strv_free(s->manifests);
	if (s->fd >= 0)
		close(s->fd);
}

void weir_approval_free(struct weir_approval *a)
{
	if (!a)
		return;
	free(a->manifest_text);
	weir_manifest_fini(&a->manifest);
	free(a);
}

static void approval_freep(struct weir_approval **a)
{
	weir_approval_free(*a);
}

static void release_freep(struct weir_release **r)
{
	weir_release_free(*r);
}

static int shelf_open(const char *dir, struct shelf *s, struct weir_err *err)
{
	int r;

	s->fd = -1;
	s->path = weir_strf("%s/approvals", dir);
	if (!s->path)
		return -ENOMEM;
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0 && errno == ENOENT)
		return 0;
	r = s->fd < 0 ? -errno : weir_dir_list(s->fd, ".manifest", MAX_FILES, &s->manifests);
	return r < 0 ? weir_err_set(err, r, "%s: cannot read: %s", s->path, strerror(-r)) : 0;
}

/* "12.manifest" -> 12; 0 for any other name. */
static uint64_t name_serial(const char *name)
{
	char *end;
	uint64_t serial;

	if (!isdigit((unsigned char)*name) || *name == '0')
		return 0;
	serial = strtoull(name, &end, 10);
	return strcmp(end, ".manifest") == 0 && end - name <= 18 ? serial : 0;
}

static uint64_t highest(const struct shelf *s)
{
	uint64_t max = 0;

	for (size_t i = 0; s->manifests && s->manifests[i]; i++)
		max = WEIR_MAX(max, name_serial(s->manifests[i]));
	return max;
}

static bool same_content(const struct weir_manifest *a, const struct weir_manifest *b)
{
	if (a->class_count != b->class_count)
		return false;
	for (size_t i = 0; i < a->class_count; i++)
		if (strcmp(a->classes[i].name, b->classes[i].name) != 0 ||
		    memcmp(a->classes[i].digest, b->classes[i].digest, WEIR_SHA256_LEN) != 0)
			return false;
	return true;
}

/* "ed25519:<key> <base64>\n"; false unless it is a valid signature of the manifest. */
static bool read_signature(const struct shelf *s, const char *name, const struct weir_approval *a,
			   struct weir_signature *ret)
{
	weir_auto_free char *text = NULL;
	weir_auto_free uint8_t *sig = NULL;
	size_t len, sig_len;
	char *sig_text;

	if (weir_file_read_at(s->fd, name, 1024, &text, &len) < 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	sig_text = strchr(text, ' ');
	if (!sig_text)
		return false;
	*sig_text++ = '\0';
	if (weir_pub_parse(text, ret->key) < 0 || weir_unbase64(sig_text, &sig, &sig_len) < 0 ||
	    sig_len != WEIR_SIG_LEN)
		return false;
	memcpy(ret->sig, sig, WEIR_SIG_LEN);
	return weir_sig_verify(ret->key, a->manifest_text, a->manifest_len, ret->sig) == 0;
}

static int read_signatures(const struct shelf *s, uint64_t serial, struct weir_approval *a)
{
	weir_auto_strv char **names = NULL;
	char start[32];
	int r = weir_dir_list(s->fd, ".sig", MAX_FILES, &names);

	if (r < 0)
		return r;
	snprintf(start, sizeof(start), "%llu.", (unsigned long long)serial);
	for (size_t i = 0; names[i] && a->sig_count < WEIR_MAX_SIGNERS; i++) {
		bool known = false;

		if (strncmp(names[i], start, strlen(start)) != 0 ||
		    !read_signature(s, names[i], a, &a->sigs[a->sig_count]))
			continue;
		for (size_t k = 0; k < a->sig_count; k++)
			known |= memcmp(a->sigs[k].key, a->sigs[a->sig_count].key, WEIR_KEY_LEN) ==
				 0;
		a->sig_count += !known;
	}
	return 0;
}

/* -ENOENT: no such manifest, or not a readable one. */
static int read_approval(const struct shelf *s, uint64_t serial, struct weir_approval **ret)
{
	weir_cleanup(approval_freep) struct weir_approval *a = calloc(1, sizeof(*a));
	char name[40];
	int r;

	if (!a)
		return -ENOMEM;
	if (s->fd < 0)
		return -ENOENT;
	snprintf(name, sizeof(name), "%llu.manifest", (unsigned long long)serial);
	r = weir_file_read_at(s->fd, name, WEIR_MANIFEST_MAX, &a->manifest_text, &a->manifest_len);
	if (r == 0)
		r = weir_manifest_parse(a->manifest_text, a->manifest_len, &a->manifest, NULL);
	if (r < 0 || a->manifest.serial != serial)
		return r == -ENOMEM ? r : -ENOENT;
	r = read_signatures(s, serial, a);
	if (r < 0)
		return r;
	*ret = weir_take_ptr(a);
	return 0;
}

static uint64_t confirm_ms(const struct weir_manifest *m)
{
	return m->confirm_ms ? m->confirm_ms : WEIR_CONFIRM_MS;
}

/* Also: the approvers are those of the same epoch. */
static bool same_stage(const struct weir_manifest *a, const struct weir_manifest *b)
{
	return a->shadow == b->shadow && a->key_epoch == b->key_epoch &&
	       confirm_ms(a) == confirm_ms(b) && same_content(a, b);
}

/* The newest approval of this content and stage; -ENOENT. */
static int find(const struct shelf *s, const struct weir_manifest *content,
		struct weir_approval **ret)
{
	weir_cleanup(approval_freep) struct weir_approval *best = NULL;

	for (size_t i = 0; s->manifests && s->manifests[i]; i++) {
		weir_cleanup(approval_freep) struct weir_approval *a = NULL;
		uint64_t serial = name_serial(s->manifests[i]);
		int r;

		if (!serial || (best && serial < best->manifest.serial))
			continue;
		r = read_approval(s, serial, &a);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r < 0 || !same_stage(&a->manifest, content))
			continue;
		weir_approval_free(best);
		best = weir_take_ptr(a);
	}
	if (!best)
		return -ENOENT;
	*ret = weir_take_ptr(best);
	return 0;
}

int weir_approval_find(const char *dir, const struct weir_repo *r, bool shadow, struct weir_approval **ret,
		       struct weir_err *err)
{
	weir_cleanup(shelf_fini) struct shelf s = {.fd = -1};
	weir_cleanup(release_freep) struct weir_release *now = NULL;
	int e = shelf_open(dir, &s, err);

	if (e == 0)
		e = weir_release_make(r, 1, 0, shadow, &now, err);
	if (e == 0)
		e = find(&s, &now->manifest, ret);
	if (e == -ENOENT)
		weir_err_set(err, e, "%s has no approval of this content; run: weirctl policy sign",
			     s.path);
	return e;
}

static bool is_approver(const struct weir_repo *r, const uint8_t pub[WEIR_KEY_LEN])
{
	for (size_t i = 0; i < r->approver_count; i++)
		if (memcmp(r->approvers[i], pub, WEIR_KEY_LEN) == 0)
			return true;
	return false;
}

static int write_signature(const struct shelf *s, uint64_t serial, const struct weir_key *key,
			   const uint8_t pub[WEIR_KEY_LEN], const void *text, size_t len,
			   struct weir_err *err)
{
	weir_auto_free char *path = NULL, *base64 = NULL, *line = NULL;
	uint8_t sig[WEIR_SIG_LEN];
	char id[17], pub_text[56];
	int r = weir_key_sign(key, text, len, sig);

	if (r == 0)
		r = weir_base64(sig, sizeof(sig), &base64);
	if (r < 0)
		return r;
	path = weir_strf("%s/%llu.%s.sig", s->path, (unsigned long long)serial,
			 weir_pub_id(pub, id));
	line = weir_strf("%s %s\n", weir_pub_text(pub, pub_text), base64);
	if (!path || !line)
		return -ENOMEM;
	r = weir_file_write(path, line, strlen(line), 0644);
	return r < 0 ? weir_err_set(err, r, "%s: cannot write: %s", path, strerror(-r)) : 0;
}

static int write_manifest(const struct shelf *s, const struct weir_repo *r, bool shadow, uint64_t serial,
			  uint64_t now_s, struct weir_release **ret, struct weir_err *err)
{
	weir_cleanup(release_freep) struct weir_release *release = NULL;
	weir_auto_free char *path =
		weir_strf("%s/%llu.manifest", s->path, (unsigned long long)serial);
	int e;

	if (!path)
		return -ENOMEM;
	e = weir_release_make(r, serial, now_s, shadow, &release, err);
	if (e < 0)
		return e;
	e = weir_mkdir_p(s->path, 0755);
	if (e == 0)
		e = weir_file_write(path, release->manifest_text.data, release->manifest_text.len,
				    0644);
	if (e < 0)
		return weir_err_set(err, e, "%s: cannot write: %s", path, strerror(-e));
	*ret = weir_take_ptr(release);
	return 0;
}

/*
 * What to sign: *ret is the existing approval to extend, or stays NULL for a new one of *serial.
 * With serial 0 only the highest is extended: an older one would be refused by agents that saw a
 * newer.
 */
static int choose(const struct shelf *s, const struct weir_manifest *content, uint64_t now_s,
		  uint64_t *serial, struct weir_approval **ret, struct weir_err *err)
{
	weir_cleanup(approval_freep) struct weir_approval *a = NULL;
	uint64_t top = highest(s);
	int r = read_approval(s, *serial ? *serial : top, &a);

	if (r < 0 && r != -ENOENT)
		return r;
	if (a && same_stage(&a->manifest, content) && now_s < a->manifest.not_after_s) {
		*serial = a->manifest.serial;
		*ret = weir_take_ptr(a);
		return 0;
	}
	if (a && *serial)
		return weir_err_set(err, -EEXIST,
				    "serial %llu is taken by other content, another stage or key epoch, or has expired; "
				    "leave the serial out for %llu",
				    (unsigned long long)*serial, (unsigned long long)top + 1);
	if (!*serial)
		*serial = top + 1;
	return 0;
}

int weir_approval_sign(const char *dir, const struct weir_repo *r, const struct weir_key *key, bool shadow,
		       uint64_t serial, uint64_t now_s, uint64_t *ret_serial, struct weir_err *err)
{
	weir_cleanup(shelf_fini) struct shelf s = {.fd = -1};
	weir_cleanup(release_freep) struct weir_release *now = NULL, *made = NULL;
	weir_cleanup(approval_freep) struct weir_approval *old = NULL;
	uint8_t pub[WEIR_KEY_LEN];
	char text[56];
	int e = weir_key_public(key, pub);

	if (e < 0)
		return e;
	if (!is_approver(r, pub))
		return weir_err_set(err, -EPERM, "%s is not in spec.approvers of %s/weir.yaml",
				    weir_pub_text(pub, text), dir);
	e = shelf_open(dir, &s, err);
	if (e == 0)
		e = weir_release_make(r, 1, 0, shadow, &now, err);
	if (e == 0)
		e = choose(&s, &now->manifest, now_s, &serial, &old, err);
	if (e == 0 && !old)
		e = write_manifest(&s, r, shadow, serial, now_s, &made, err);
	if (e == 0 && old)
		e = write_signature(&s, serial, key, pub, old->manifest_text, old->manifest_len,
				    err);
	else if (e == 0)
		e = write_signature(&s, serial, key, pub, made->manifest_text.data,
				    made->manifest_text.len, err);
	if (e == 0)
		*ret_serial = serial;
	return e;
}
