/* SPDX-License-Identifier: Apache-2.0 */
/* What is served: only what loads and is approved; whatever else is in the directory, the last good stays. */
#include "aggregator/gitops.h"
#include "lib/os/file.h"
#include "tests/lib/test.h"

#define CLASS "aws/vpc/a"
#define NOW_S 1795500000ull

struct fixture {
	char dir[64];
	struct weir_key *key;
	struct gitops *g;
};

static int put(const struct fixture *f, const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	return weir_file_write(path, text, strlen(text), 0644);
}

static int put_policy(const struct fixture *f, const char *action)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\n"
		 "spec:\n  tier: admin\n  priority: 1\n  mode: enforce\n  subject: {namespace: data}\n"
		 "  egress:\n  - action: %s\n    to: [{path: internet}]\n",
		 action);
	return put(f, "policies/p.yaml", text);
}

static int setup(struct fixture *f)
{
	static const char *const dirs[] = {"topology", "prices", "policies", "budgets", "approvals"};
	uint8_t pub[WEIR_KEY_LEN];
	char text[256], key[56];
	int r;

	memset(f, 0, sizeof(*f));
	strcpy(f->dir, "/tmp/weir-pol-XXXXXX");
	if (!mkdtemp(f->dir))
		return -errno;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(dirs); i++) {
		snprintf(text, sizeof(text), "%s/%s", f->dir, dirs[i]);
		weir_mkdir_p(text, 0755);
	}
	r = weir_key_new(&f->key);
	if (!r)
		r = weir_key_public(f->key, pub);
	if (r)
		return r;
	snprintf(text, sizeof(text),
		 "apiVersion: weir.dev/v1alpha1\nkind: Settings\nspec:\n  approvers: [\"%s\"]\n"
		 "  threshold: 1\n  validity: 365d\n",
		 weir_pub_text(pub, key));
	r = put(f, "weir.yaml", text);
	if (!r)
		r = put(f, "topology/t.yaml",
			"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\n"
			"spec:\n  domain: aws/vpc\n  provider: aws\n  account: \"1\"\n"
			"  zones: [{id: z1, region: us-east-1}]\n  prefixes: [10.1.0.0/16]\n  subnets:\n"
			"  - {name: a, cidrs: [10.1.1.0/24], zone: z1, routes: [{to: 0.0.0.0/0, via: igw}]}\n");
	if (!r)
		r = put_policy(f, "deny");
	return r ? r : gitops_new(f->dir, &f->g);
}

static void teardown(struct fixture *f)
{
	weir_auto_free char *cmd = weir_strf("rm -rf %s", f->dir);

	if (cmd && system(cmd))
		fprintf(stderr, "cannot remove %s\n", f->dir);
	weir_key_free(f->key);
	gitops_free(f->g);
}

static int sign_for(const struct fixture *f, bool shadow, uint64_t *ret_serial)
{
	struct weir_repo *repo = NULL;
	struct weir_err err = {0};
	int r = weir_repo_load(f->dir, &repo, &err, NULL, NULL);

	if (!r)
		r = weir_approval_sign(f->dir, repo, f->key, shadow, 0, NOW_S, ret_serial, &err);
	if (r)
		fprintf(stderr, "# %s\n", err.text);
	weir_repo_free(repo);
	return r;
}

static int sign(const struct fixture *f, uint64_t *ret_serial)
{
	return sign_for(f, false, ret_serial);
}

/* What is there is signed and in force. */
static int setup_served(struct fixture *f, uint64_t *ret_serial)
{
	int r = setup(f);

	if (!r)
		r = sign(f, ret_serial);
	return r ? r : gitops_poll(f->g) & GITOPS_RELEASED ? 0 : -EBADMSG;
}

static void withdraw(const struct fixture *f, uint64_t serial)
{
	weir_auto_free char *cmd = weir_strf("rm %s/approvals/%llu.*", f->dir, (unsigned long long)serial);

	if (cmd && system(cmd))
		fprintf(stderr, "cannot remove approval %llu\n", (unsigned long long)serial);
}

static uint64_t candidate(const struct fixture *f)
{
	return gitops_candidate_bundle(f->g, CLASS) ? gitops_candidate(f->g)->manifest.serial : 0;
}

TEST(nothing_is_served_before_it_is_signed)
{
	struct fixture f;
	uint64_t serial = 0;

	CHECK(!setup(&f));
	CHECK(gitops_poll(f.g) == (GITOPS_LOADED | GITOPS_FAILED), "%s", gitops_error(f.g));
	CHECK(gitops_state(f.g) == GITOPS_UNAPPROVED, "%s", gitops_error(f.g));
	CHECK(gitops_repo(f.g) != NULL, "prices need no approval");
	CHECK(!gitops_serial(f.g, CLASS));
	CHECK(!sign(&f, &serial));
	CHECK(gitops_poll(f.g) & GITOPS_RELEASED, "%s", gitops_error(f.g));
	CHECK(serial && gitops_serial(f.g, CLASS) == serial, "%d", (int)gitops_serial(f.g, CLASS));
	CHECK(!gitops_serial(f.g, "aws/vpc/none"), "a class that the manifest does not name");
	teardown(&f);
}

TEST(a_bad_revision_keeps_the_last_good_and_is_stated_once)
{
	struct fixture f;
	uint64_t serial = 0;

	CHECK(!setup_served(&f, &serial));
	CHECK(!put(&f, "policies/p.yaml", "kind: ["));
	CHECK(gitops_poll(f.g) == GITOPS_FAILED, "%s", gitops_error(f.g));
	CHECK(gitops_poll(f.g) == 0, "the same reason again");
	CHECK(gitops_state(f.g) == GITOPS_REJECTED);
	CHECK(strstr(gitops_error(f.g), "policies/p.yaml:") != NULL, "%s", gitops_error(f.g));
	CHECK(gitops_serial(f.g, CLASS) == serial, "%d", (int)gitops_serial(f.g, CLASS));
	CHECK(gitops_bundle(f.g, CLASS) != NULL);
	teardown(&f);
}

TEST(an_unsigned_change_keeps_the_last_release)
{
	struct fixture f;
	uint64_t serial = 0;

	CHECK(!setup_served(&f, &serial));
	CHECK(!put_policy(&f, "accept"));
	CHECK(gitops_poll(f.g) & GITOPS_FAILED);
	CHECK(gitops_state(f.g) == GITOPS_UNAPPROVED, "%s", gitops_error(f.g));
	CHECK(gitops_serial(f.g, CLASS) == serial);
	teardown(&f);
}

/* Going back is a new decision: agents take no older serial, so it is signed under a new one. */
TEST(an_undo_gets_a_new_serial)
{
	struct fixture f;
	uint64_t one = 0, two = 0, three = 0;

	CHECK(!setup_served(&f, &one));
	CHECK(!put_policy(&f, "accept"));
	CHECK(!sign(&f, &two));
	CHECK(gitops_poll(f.g) & GITOPS_RELEASED, "%s", gitops_error(f.g));
	CHECK(!put_policy(&f, "deny"));
	CHECK(gitops_poll(f.g) & GITOPS_FAILED, "%s", gitops_error(f.g));
	CHECK(gitops_serial(f.g, CLASS) == two, "%d", (int)gitops_serial(f.g, CLASS));
	CHECK(!sign(&f, &three));
	CHECK(gitops_poll(f.g) & GITOPS_RELEASED, "%s", gitops_error(f.g));
	CHECK(three > two && gitops_serial(f.g, CLASS) == three, "%d %d", (int)three,
	      (int)gitops_serial(f.g, CLASS));
	teardown(&f);
}

TEST(a_shadow_approval_makes_a_candidate_and_no_release)
{
	struct fixture f;
	uint64_t one = 0, two = 0, three = 0;

	CHECK(!setup_served(&f, &one));
	CHECK(!put_policy(&f, "accept"));
	CHECK(!sign_for(&f, true, &two));
	CHECK(gitops_poll(f.g) == (GITOPS_LOADED | GITOPS_CANDIDATE), "%s", gitops_error(f.g));
	CHECK(gitops_state(f.g) == GITOPS_SHADOW && !*gitops_error(f.g), "%s", gitops_error(f.g));
	CHECK(gitops_serial(f.g, CLASS) == one, "what is in force stays: %d", (int)gitops_serial(f.g, CLASS));
	CHECK(two > one && candidate(&f) == two, "%d", (int)candidate(&f));
	CHECK(!gitops_candidate_bundle(f.g, "aws/vpc/none"), "a class that the manifest does not name");
	CHECK(gitops_poll(f.g) == 0, "nothing changed");
	CHECK(candidate(&f) == two);
	CHECK(!put(&f, "policies/p.yaml", "kind: ["));
	gitops_poll(f.g);
	CHECK(candidate(&f) == two, "a revision that does not load changes nothing");
	CHECK(!put_policy(&f, "accept"));
	CHECK(!sign(&f, &three));
	CHECK(gitops_poll(f.g) == (GITOPS_RELEASED | GITOPS_CANDIDATE), "%s", gitops_error(f.g));
	CHECK(gitops_serial(f.g, CLASS) == three && three > two);
	CHECK(!candidate(&f), "approved for real, it is a candidate no more: %d", (int)candidate(&f));
	CHECK(!sign_for(&f, true, &two));
	CHECK(!(gitops_poll(f.g) & GITOPS_CANDIDATE) && !candidate(&f), "what is in force needs no shadow");
	teardown(&f);
}

TEST(a_candidate_ends_with_its_approval_or_its_revision)
{
	struct fixture f;
	uint64_t one = 0, two = 0;

	CHECK(!setup_served(&f, &one));
	CHECK(!put_policy(&f, "accept"));
	CHECK(!sign_for(&f, true, &two));
	gitops_poll(f.g);
	CHECK(candidate(&f) == two);
	withdraw(&f, two);
	CHECK(gitops_poll(f.g) & GITOPS_CANDIDATE);
	CHECK(!candidate(&f) && gitops_state(f.g) == GITOPS_UNAPPROVED, "withdrawn");
	CHECK(!sign_for(&f, true, &two));
	CHECK(gitops_poll(f.g) & GITOPS_CANDIDATE);
	CHECK(candidate(&f) == two, "approved again");
	CHECK(!put_policy(&f, "deny"));
	CHECK(gitops_poll(f.g) & GITOPS_CANDIDATE);
	CHECK(!candidate(&f) && gitops_state(f.g) == GITOPS_APPROVED, "back to what is in force: %s",
	      gitops_error(f.g));
	CHECK(gitops_serial(f.g, CLASS) == one);
	teardown(&f);
}

/* To look at an undo before it is decided: its old approval for real is not taken for a new one. */
TEST(a_newer_shadow_approval_is_meant)
{
	struct fixture f;
	uint64_t one = 0, two = 0, three = 0;
	struct gitops *restarted = NULL;

	CHECK(!setup_served(&f, &one));
	CHECK(!put_policy(&f, "accept"));
	CHECK(!sign(&f, &two));
	gitops_poll(f.g);
	CHECK(!put_policy(&f, "deny"));
	CHECK(!sign_for(&f, true, &three));
	CHECK(gitops_poll(f.g) & GITOPS_CANDIDATE);
	CHECK(candidate(&f) == three && gitops_serial(f.g, CLASS) == two);
	CHECK(!gitops_new(f.dir, &restarted) && !gitops_settled(restarted), "nothing is known before the first load");
	gitops_poll(restarted);
	CHECK(gitops_settled(restarted) && gitops_candidate(restarted) && !gitops_approval(restarted),
	      "after a restart too");
	gitops_free(restarted);
	teardown(&f);
}

TEST_MAIN(T(a_shadow_approval_makes_a_candidate_and_no_release),
	  T(a_candidate_ends_with_its_approval_or_its_revision), T(a_newer_shadow_approval_is_meant),
	  T(nothing_is_served_before_it_is_signed),
	  T(a_bad_revision_keeps_the_last_good_and_is_stated_once),
	  T(an_unsigned_change_keeps_the_last_release), T(an_undo_gets_a_new_serial))
