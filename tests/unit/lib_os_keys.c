/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in files that are exchanged: noticing it, checking them as a whole, lists of what is revoked. */
#include "tests/lib/certificates.h"
#include "tests/lib/test.h"

#include "lib/os/creds.h"
#include "lib/os/crl.h"
#include "lib/os/file.h"
#include "lib/os/revoked.h"
#include "lib/os/watch.h"

enum { CA = 0, NODE = 2, NEXT = 4, OTHER_CA = 6 };
#define DAY_S 86400

static uint64_t now_s(void)
{
	return (uint64_t)time(NULL);
}

TEST(certificates)
{
	strcpy(dir, "/tmp/weir-keys-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	atexit(pki_remove);
	CHECK(!issue(WEIR_CERT_CA, "ca", -1, CA) && !issue(WEIR_CERT_CLIENT, "node", CA, NODE) &&
	      !issue(WEIR_CERT_CLIENT, "node", CA, NEXT) && !issue(WEIR_CERT_CA, "other", -1, OTHER_CA));
}

static int copy(const char *from, const char *to)
{
	weir_auto_free char *data = NULL;
	size_t len;
	int r = weir_file_read(from, 1 << 16, &data, &len);

	return r ? r : weir_file_write(to, data, len, 0600);
}

TEST(a_change_is_said_once_and_when_it_stands_still)
{
	char path[96];
	const char *const paths[] = {path, NULL, ""};
	struct weir_watch w;

	snprintf(path, sizeof(path), "%s/watched", dir);
	weir_watch_init(&w, paths, 3);
	CHECK(!weir_watch_moved(&w, false) && !weir_watch_moved(&w, true), "nothing is there, as before");
	CHECK(!weir_file_write(path, "a", 1, 0600));
	CHECK(!weir_watch_moved(&w, false), "may still be under way");
	CHECK(weir_watch_moved(&w, false));
	CHECK(!weir_watch_moved(&w, false), "said");
	CHECK(!weir_file_write(path, "b", 1, 0600));
	CHECK(weir_watch_moved(&w, true), "whoever asks for it need not wait");
	CHECK(!weir_watch_moved(&w, false));
	CHECK(!unlink(path) && !weir_watch_moved(&w, false) && weir_watch_moved(&w, false), "gone is a change");
}

struct set {
	char ca[96], cert[96], key[96], crl[96];
	struct weir_creds_files files;
	struct weir_creds *creds;
};

static void set_fini(struct set *s)
{
	weir_creds_free(s->creds);
}
#define auto_set weir_cleanup(set_fini) struct set

static void set_init(struct test_state *test_st, struct set *s)
{
	snprintf(s->ca, sizeof(s->ca), "%s/set.ca", dir);
	snprintf(s->cert, sizeof(s->cert), "%s/set.cert", dir);
	snprintf(s->key, sizeof(s->key), "%s/set.key", dir);
	snprintf(s->crl, sizeof(s->crl), "%s/set.crl", dir);
	s->files = (struct weir_creds_files){s->ca, s->cert, s->key, s->crl};
	CHECK(!copy(pki.path[CA], s->ca) && !copy(pki.path[NODE], s->cert) && !copy(pki.path[NODE + 1], s->key));
	CHECK(!weir_crl_update(s->crl, &(struct weir_ca_files){pki.path[CA], pki.path[CA + 1]}, 1, NULL, now_s(), NULL));
	CHECK(!weir_creds_new(&s->files, &s->creds));
}

/* The text of what poll says, "" for nothing, "taken" for new files. */
static const char *poll_says(struct set *s, uint64_t at_s, struct weir_err *err)
{
	*err = (struct weir_err){0};
	(void)weir_creds_poll(s->creds, at_s, false, err);
	return err->text;
}

TEST(good_files_are_taken_and_broken_ones_are_said_once)
{
	auto_set s = {0};
	struct weir_err err;
	uint64_t until;

	set_init(test_st, &s);
	until = weir_creds_expires_s(s.creds);
	CHECK(until > now_s() + DAY_S && until < now_s() + 3 * DAY_S);
	CHECK(weir_creds_poll(s.creds, now_s(), true, &err) == 0, "nothing changed");
	CHECK(!copy(pki.path[NEXT], s.cert));
	poll_says(&s, now_s(), &err);
	CHECK(strstr(poll_says(&s, now_s(), &err), "is not the key of"), "%s", err.text);
	CHECK(weir_creds_broken(s.creds));
	CHECK(!*poll_says(&s, now_s(), &err) && weir_creds_broken(s.creds), "said: %s", err.text);
	CHECK(!copy(pki.path[NEXT + 1], s.key));
	CHECK(weir_creds_poll(s.creds, now_s(), false, &err) == 1, "looked at again each time");
	CHECK(!weir_creds_broken(s.creds) && weir_creds_poll(s.creds, now_s(), false, &err) == 0);
}

TEST(each_file_is_checked)
{
	static const struct {
		size_t file;
		const char *text, *says;
	} cases[] = {
		{offsetof(struct set, ca), "", "set.ca: is not a list of certificates"},
		{offsetof(struct set, cert), "x", "set.cert: is not a certificate"},
		{offsetof(struct set, key), "x", "set.key: is not an unencrypted private key"},
		{offsetof(struct set, crl), "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
		 "set.crl: is not a revocation list"},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		auto_set s = {0};
		struct weir_err err = {{0}};
		uint64_t until;

		set_init(test_st, &s);
		CHECK(!weir_creds_check(&s.files, now_s(), &until, &err), "%s", err.text);
		CHECK(!weir_file_write((char *)&s + cases[i].file, cases[i].text, strlen(cases[i].text), 0600));
		CHECK(weir_creds_check(&s.files, now_s(), &until, &err) < 0 && strstr(err.text, cases[i].says), "%s",
		      err.text);
	}
}

TEST(dates_and_authorities_are_checked)
{
	auto_set s = {0};
	struct weir_err err = {{0}};
	uint64_t until;

	set_init(test_st, &s);
	CHECK(weir_creds_check(&s.files, now_s() + 3 * DAY_S, &until, &err) == -EKEYEXPIRED, "%s", err.text);
	CHECK(weir_creds_check(&s.files, now_s() - 3 * DAY_S, &until, NULL) == -EKEYREJECTED);
	CHECK(!copy(pki.path[NODE], s.ca));
	err = (struct weir_err){0};
	CHECK(weir_creds_check(&s.files, now_s(), &until, &err) < 0 && strstr(err.text, "is not of an authority"), "%s",
	      err.text);
}

TEST(the_end_is_said_once_a_day)
{
	auto_set s = {0};
	uint64_t until;

	set_init(test_st, &s);
	until = weir_creds_expires_s(s.creds);
	CHECK(!weir_creds_remind(s.creds, until - 100, 99));
	CHECK(weir_creds_remind(s.creds, until - 100, 100) && !weir_creds_remind(s.creds, until - 99, 100));
	CHECK(weir_creds_remind(s.creds, until + DAY_S, 100), "and after it");
}

TEST(a_list_of_certificates_grows)
{
	const struct weir_ca_files cas[] = {{pki.path[CA], pki.path[CA + 1]}, {pki.path[OTHER_CA], pki.path[OTHER_CA + 1]}};
	struct weir_err err = {{0}};
	char path[96];

	snprintf(path, sizeof(path), "%s/grows", dir);
	CHECK(weir_crl_has(path, pki.path[NODE], NULL) == 0, "no file names nobody");
	CHECK(!weir_crl_update(path, cas, 2, pki.path[NODE], now_s(), &err), "%s", err.text);
	CHECK(weir_crl_has(path, pki.path[NODE], NULL) == 1 && weir_crl_has(path, pki.path[NEXT], NULL) == 0);
	CHECK(!weir_crl_update(path, cas, 2, pki.path[NEXT], now_s(), &err), "%s", err.text);
	CHECK(!weir_crl_update(path, cas, 2, pki.path[NEXT], now_s(), &err), "again: %s", err.text);
	CHECK(weir_crl_has(path, pki.path[NODE], NULL) == 1 && weir_crl_has(path, pki.path[NEXT], NULL) == 1);
	CHECK(weir_crl_update(path, cas + 1, 1, pki.path[NODE], now_s(), &err) == -ENOKEY, "%s", err.text);
	CHECK(weir_crl_has(path, pki.path[NODE], NULL) == 1, "a failure changes nothing");
}

TEST(a_list_of_keys)
{
	struct weir_revoked *l = NULL;
	struct weir_err err = {{0}};
	uint8_t key[3][WEIR_KEY_LEN] = {{1}, {2}, {3}};
	char text[2][56], file[256], path[96];

	snprintf(path, sizeof(path), "%s/revoked", dir);
	CHECK(!weir_revoked_load("", &l, &err) && !weir_revoked_has(l, key[0]) && !weir_revoked_has(NULL, key[0]));
	weir_revoked_free(l);
	l = NULL;
	snprintf(file, sizeof(file), "# who\n\n  %s n2, stolen\n%s\n", weir_pub_text(key[1], text[1]),
		 weir_pub_text(key[0], text[0]));
	CHECK(!weir_file_write(path, file, strlen(file), 0644));
	CHECK(!weir_revoked_load(path, &l, &err) && weir_revoked_count(l) == 2, "%s", err.text);
	CHECK(weir_revoked_has(l, key[0]) && weir_revoked_has(l, key[1]) && !weir_revoked_has(l, key[2]));
	weir_revoked_free(l);
	snprintf(file, sizeof(file), "%s\nn2\n", text[0]);
	CHECK(!weir_file_write(path, file, strlen(file), 0644));
	CHECK(weir_revoked_load(path, &l, &err) == -EBADMSG && strstr(err.text, "revoked:2: is no key"), "%s", err.text);
	CHECK(weir_revoked_load("/nonexistent/x", &l, NULL) == -ENOENT);
}

TEST_MAIN(T(certificates), T(a_change_is_said_once_and_when_it_stands_still),
	  T(good_files_are_taken_and_broken_ones_are_said_once), T(each_file_is_checked),
	  T(dates_and_authorities_are_checked), T(the_end_is_said_once_a_day), T(a_list_of_certificates_grows),
	  T(a_list_of_keys))
