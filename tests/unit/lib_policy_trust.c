/* SPDX-License-Identifier: Apache-2.0 */
/* From a policy directory to a bundle a node accepts; and everything it must refuse, by name. */
#include <sys/stat.h>

#include "lib/os/file.h"
#include "lib/policy/repo.h"
#include "tests/lib/test.h"

#define NOW 1795478400ull /* 2026-11-24T00:00:00Z */
#define CLASS_A "aws/111111111111/vpc/a"
#define CLASS_B "aws/111111111111/vpc/b"

static const char topology_yaml[] =
	"apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
	"  domain: aws/111111111111/vpc\n  provider: aws\n  account: '111111111111'\n"
	"  zones:\n  - {id: z1, region: us-east-1}\n  prefixes: [10.0.0.0/16]\n  subnets:\n"
	"  - {name: a, cidrs: [10.0.1.0/24], zone: z1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	"  - {name: b, cidrs: [10.0.2.0/24], zone: z1, routes: []}\n";
static const char policy_yaml[] =
	"apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\n"
	"spec: {tier: admin, egress: [{action: deny, to: [{path: internet}]}]}\n";
static const char settings_head[] = "apiVersion: weir.dev/v1alpha1\nkind: Settings\n"
				    "spec:\n  validity: 1d\n  failsafe: [{protocol: UDP, port: 53, "
				    "direction: egress}]\n";

struct fixture {
	char dir[64];
	struct weir_key *one, *two;
	uint8_t trusted[2][WEIR_KEY_LEN];
};

static void put(const struct fixture *f, const char *name, const char *text)
{
	weir_auto_free char *path = weir_strf("%s/%s", f->dir, name);

	if (!path || weir_file_write(path, text, strlen(text), 0644) < 0)
		abort();
}

static void put_settings(const struct fixture *f)
{
	weir_auto_free char *text = NULL;
	char one[56], two[56];

	text = weir_strf("%s  approvers: [\"%s\", \"%s\"]\n  threshold: 2\n", settings_head,
			 weir_pub_text(f->trusted[0], one), weir_pub_text(f->trusted[1], two));
	put(f, "weir.yaml", text);
}

static void setup(struct fixture *f)
{
	char sub[96];

	strcpy(f->dir, "/tmp/weir-policy-XXXXXX");
	if (!mkdtemp(f->dir) || weir_key_new(&f->one) < 0 || weir_key_new(&f->two) < 0 ||
	    weir_key_public(f->one, f->trusted[0]) < 0 ||
	    weir_key_public(f->two, f->trusted[1]) < 0)
		abort();
	snprintf(sub, sizeof(sub), "%s/topology", f->dir);
	mkdir(sub, 0755);
	snprintf(sub, sizeof(sub), "%s/policies", f->dir);
	mkdir(sub, 0755);
	snprintf(sub, sizeof(sub), "%s/budgets", f->dir);
	mkdir(sub, 0755);
	put_settings(f);
	put(f, "topology/t.yaml", topology_yaml);
	put(f, "policies/p.yaml", policy_yaml);
}

static void teardown(struct fixture *f)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	if (system(command) != 0)
		abort();
	weir_key_free(f->one);
	weir_key_free(f->two);
}

static struct weir_repo *load(const struct fixture *f)
{
	struct weir_repo *repo = NULL;
	struct weir_err err = {0};

	if (weir_repo_load(f->dir, &repo, &err, NULL, NULL) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	return repo;
}

/* A push that a node of class a accepts, and the node's trust; each case breaks one thing. */
struct push {
	struct weir_release *release;
	struct weir_signature sigs[WEIR_MAX_SIGNERS + 1];
	size_t sig_count;
	const void *manifest, *bundle;
	size_t manifest_len, bundle_len;
	struct weir_trust trust;
};

static void sign(struct push *p, const struct weir_key *key)
{
	struct weir_signature *s = &p->sigs[p->sig_count++];

	if (weir_key_public(key, s->key) < 0 ||
	    weir_key_sign(key, p->manifest, p->manifest_len, s->sig) < 0)
		abort();
}

static void push_init(struct push *p, const struct fixture *f, const struct weir_repo *repo)
{
	*p = (struct push){.trust = {.keys = f->trusted, .key_count = 2, .threshold = 2, .class = CLASS_A, .serial_high = 6,
					.now_s = NOW + 10}};
	if (weir_release_make(repo, 7, NOW, false, &p->release, NULL) < 0)
		abort();
	p->manifest = p->release->manifest_text.data;
	p->manifest_len = p->release->manifest_text.len;
	p->bundle = p->release->bundles[0].data;
	p->bundle_len = p->release->bundles[0].len;
	sign(p, f->one);
	sign(p, f->two);
}

static int verify(const struct push *p)
{
	struct weir_manifest m = {0};
	struct weir_bundle *b = NULL;
	struct weir_err err = {0};
	int r = weir_bundle_verify(&p->trust, p->manifest, p->manifest_len, p->sigs, p->sig_count,
				   p->bundle, p->bundle_len, &m, &b, &err);

	if (r != 0 && (b || !err.text[0] || strchr(err.text, '\n')))
		r = -1000; /* refused without a sentence, or with a bundle */
	weir_bundle_free(b);
	weir_manifest_fini(&m);
	return r;
}

TEST(each_refusal_has_its_name)
{
	struct fixture f = {0};
	struct weir_repo *repo;
	struct weir_key *stranger;
	struct push good, p;
	weir_auto_free char *text = NULL, *huge = calloc(1, WEIR_BUNDLE_MAX + 1);
	weir_auto_free uint8_t *bytes = NULL;
	uint8_t twice[2][WEIR_KEY_LEN];

	setup(&f);
	repo = load(&f);
	CHECK(weir_key_new(&stranger) == 0);
	push_init(&good, &f, repo);
	CHECK(verify(&good) == 0, "%d", verify(&good));

	p = good, p.sig_count = 0;
	CHECK(verify(&p) == WEIR_REFUSE_UNSIGNED, "no signature: %d", verify(&p));
	p = good, p.sigs[1] = p.sigs[0];
	CHECK(verify(&p) == WEIR_REFUSE_STRIPPED, "one approver twice: %d", verify(&p));
	p = good, p.sig_count = 1, sign(&p, stranger);
	CHECK(verify(&p) == WEIR_REFUSE_STRIPPED, "wrong key: %d", verify(&p));
	memcpy(twice[0], f.trusted[0], WEIR_KEY_LEN);
	memcpy(twice[1], f.trusted[0], WEIR_KEY_LEN);
	p = good, p.trust.keys = twice, p.sig_count = 1;
	CHECK(verify(&p) == WEIR_REFUSE_STRIPPED, "approver trusted twice: %d", verify(&p));
	p = good, p.trust.threshold = 0, p.sig_count = 0;
	CHECK(verify(&p) == WEIR_REFUSE_UNSIGNED, "threshold 0 is 1: %d", verify(&p));

	text = strndup(good.manifest, good.manifest_len);
	strstr(text, "serial 7")[7] = '8';
	p = good, p.manifest = text;
	CHECK(verify(&p) == WEIR_REFUSE_TAMPERED, "tampered manifest: %d", verify(&p));
	p = good, p.manifest = "nonsense\n", p.manifest_len = 9, p.sig_count = 0;
	sign(&p, f.one), sign(&p, f.two);
	CHECK(verify(&p) == WEIR_REFUSE_MALFORMED, "signed nonsense: %d", verify(&p));

	p = good, p.trust.serial_high = 7;
	CHECK(verify(&p) == WEIR_REFUSE_OLDER, "same serial: %d", verify(&p));
	p = good, p.trust.now_s = NOW - 1;
	CHECK(verify(&p) == WEIR_REFUSE_NOT_YET, "%d", verify(&p));
	p = good, p.trust.now_s = NOW + 86400;
	CHECK(verify(&p) == WEIR_REFUSE_EXPIRED, "after validity of 1d: %d", verify(&p));
	p = good, p.trust.now_s = NOW + 86399;
	CHECK(verify(&p) == 0, "the last second: %d", verify(&p));

	p = good, p.manifest_len = WEIR_MANIFEST_MAX + 1, p.manifest = huge;
	CHECK(verify(&p) == WEIR_REFUSE_OVERSIZED, "manifest: %d", verify(&p));
	p = good, p.bundle_len = WEIR_BUNDLE_MAX + 1, p.bundle = huge;
	CHECK(verify(&p) == WEIR_REFUSE_OVERSIZED, "bundle: %d", verify(&p));
	p = good, p.trust.max_bundle = good.bundle_len - 1;
	CHECK(verify(&p) == WEIR_REFUSE_OVERSIZED, "bundle over the node's bound: %d", verify(&p));
	p = good, p.trust.max_bundle = good.bundle_len;
	CHECK(verify(&p) == 0, "bundle at the node's bound: %d", verify(&p));
	p = good, p.sig_count = WEIR_MAX_SIGNERS + 1;
	CHECK(verify(&p) == WEIR_REFUSE_OVERSIZED, "signatures: %d", verify(&p));

	p = good, p.trust.class = "aws/111111111111/vpc/c";
	CHECK(verify(&p) == WEIR_REFUSE_WRONG_CLASS, "class not in manifest: %d", verify(&p));
	p = good, p.bundle = good.release->bundles[1].data,
	p.bundle_len = good.release->bundles[1].len;
	CHECK(verify(&p) == WEIR_REFUSE_WRONG_CLASS, "bundle of another class: %d", verify(&p));
	bytes = malloc(good.bundle_len);
	memcpy(bytes, good.bundle, good.bundle_len);
	bytes[good.bundle_len / 2] ^= 1;
	p = good, p.bundle = bytes;
	CHECK(verify(&p) == WEIR_REFUSE_TAMPERED, "flipped bit: %d", verify(&p));
	p = good, p.bundle_len--;
	CHECK(verify(&p) == WEIR_REFUSE_MIXED, "cut: %d", verify(&p));

	weir_release_free(good.release);
	weir_key_free(stranger);
	weir_repo_free(repo);
	teardown(&f);
}

TEST(refusal_names_differ)
{
	for (int i = 0; i < WEIR_REFUSALS; i++)
		for (int k = 0; k < i; k++)
			CHECK(strcmp(weir_refusal_name(i), weir_refusal_name(k)), "%d and %d", i,
			      k);
}

TEST(manifest_round_trip_and_one_spelling)
{
	struct weir_class_ref classes[2] = {{.name = CLASS_A, .bytes = 10},
					    {.name = CLASS_B, .bytes = 20}};
	struct weir_manifest m = {.serial = 3,
				  .not_before_s = NOW,
				  .not_after_s = NOW + 60,
				  .classes = classes,
				  .class_count = 2};
	struct weir_manifest back = {0}, none = {0};
	weir_auto_buf struct weir_buf text = {0}, bad = {0};
	struct weir_err err = {0};

	CHECK(weir_manifest_text(&m, &text) == 0);
	CHECK(weir_manifest_parse((char *)text.data, text.len, &back, &err) == 0, "%s", err.text);
	CHECK(back.serial == 3 && back.not_before_s == NOW && back.not_after_s == NOW + 60);
	CHECK(back.class_count == 2 && back.classes[1].bytes == 20);
	CHECK(weir_manifest_parse((char *)text.data, text.len - 1, &none, NULL) == -EBADMSG);
	weir_buf_addf(&bad, "%.*s\n", (int)text.len, (char *)text.data);
	CHECK(weir_manifest_parse((char *)bad.data, bad.len, &none, NULL) == -EBADMSG,
	      "empty line");
	CHECK(weir_manifest_parse((char *)bad.data, 20, &none, NULL) == -EBADMSG);
	CHECK(!back.shadow, "nothing is said of a stage: to be enforced");
	weir_manifest_fini(&back);
	weir_buf_fini(&text);
	m.shadow = true;
	CHECK(weir_manifest_text(&m, &text) == 0);
	CHECK(weir_manifest_parse((char *)text.data, text.len, &back, &err) == 0 && back.shadow, "%s", err.text);
	weir_manifest_fini(&back);
	memcpy(memmem(text.data, text.len, "shadow", 6), "canary", 6);
	CHECK(weir_manifest_parse((char *)text.data, text.len, &none, NULL) == -EBADMSG, "an unknown stage");
}

TEST(approval_is_signed_found_and_extended)
{
	struct fixture f = {0};
	struct weir_repo *repo;
	struct weir_approval *a = NULL;
	struct weir_key *stranger;
	uint64_t serial = 0;
	struct weir_err err = {0};

	setup(&f);
	repo = load(&f);
	CHECK(weir_key_new(&stranger) == 0);
	CHECK(weir_approval_find(f.dir, repo, false, &a, &err) == -ENOENT);
	CHECK(strstr(err.text, "weirctl policy sign"), "%s", err.text);
	CHECK(weir_approval_sign(f.dir, repo, stranger, false, 0, NOW, &serial, NULL) == -EPERM);
	err.text[0] = '\0';
	CHECK(weir_approval_sign(f.dir, repo, f.one, false, 0, NOW, &serial, &err) == 0, "%s", err.text);
	CHECK(serial == 1, "%llu", (unsigned long long)serial);
	CHECK(weir_approval_sign(f.dir, repo, f.two, false, 0, NOW + 5, &serial, &err) == 0, "%s",
	      err.text);
	CHECK(serial == 1, "a second approver extends: %llu", (unsigned long long)serial);
	CHECK(weir_approval_find(f.dir, repo, false, &a, &err) == 0, "%s", err.text);
	CHECK(a && a->sig_count == 2 && a->manifest.serial == 1);
	weir_approval_free(a);
	a = NULL;
	weir_repo_free(repo);

	put(&f, "policies/p.yaml",
	    "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: p}\n"
	    "spec: {tier: admin, egress: [{action: deny}]}\n");
	repo = load(&f);
	CHECK(weir_approval_find(f.dir, repo, false, &a, NULL) == -ENOENT,
	      "changed content is not approved");
	CHECK(weir_approval_sign(f.dir, repo, f.one, false, 1, NOW, &serial, NULL) == -EEXIST);
	CHECK(weir_approval_sign(f.dir, repo, f.one, false, 0, NOW, &serial, NULL) == 0 && serial == 2);
	weir_repo_free(repo);

	put(&f, "policies/p.yaml", policy_yaml);
	repo = load(&f);
	CHECK(weir_approval_sign(f.dir, repo, f.one, false, 0, NOW, &serial, NULL) == 0 && serial == 3,
	      "an undo needs a serial above the undone: %llu", (unsigned long long)serial);
	CHECK(weir_approval_find(f.dir, repo, false, &a, NULL) == 0 && a->manifest.serial == 3);
	weir_approval_free(a);
	a = NULL;
	CHECK(weir_approval_find(f.dir, repo, true, &a, NULL) == -ENOENT, "for real is not for shadow");
	CHECK(weir_approval_sign(f.dir, repo, f.one, true, 3, NOW, &serial, NULL) == -EEXIST, "nor takes its serial");
	CHECK(weir_approval_sign(f.dir, repo, f.one, true, 0, NOW, &serial, NULL) == 0 && serial == 4, "%llu",
	      (unsigned long long)serial);
	CHECK(weir_approval_sign(f.dir, repo, f.two, true, 0, NOW, &serial, NULL) == 0 && serial == 4,
	      "a second approver extends: %llu", (unsigned long long)serial);
	CHECK(weir_approval_find(f.dir, repo, true, &a, NULL) == 0 && a->manifest.serial == 4 && a->sig_count == 2);
	weir_approval_free(a);
	a = NULL;
	CHECK(weir_approval_find(f.dir, repo, false, &a, NULL) == 0 && a->manifest.serial == 3,
	      "for shadow is not for real");
	weir_approval_free(a);
	weir_repo_free(repo);
	weir_key_free(stranger);
	teardown(&f);
}

struct lines {
	unsigned int count;
	char first[512];
};

static void on_error(const char *line, void *arg)
{
	struct lines *l = arg;

	if (!l->count++)
		snprintf(l->first, sizeof(l->first), "%s", line);
}

TEST(a_bad_repository_tells_every_error)
{
	struct fixture f = {0};
	struct weir_repo *repo = NULL;
	struct weir_err err = {0};
	struct lines lines = {0};
	char want[128];

	setup(&f);
	put(&f, "budgets/b.yaml", "apiVersion: weir.dev/v1alpha1\nkind: Bugdet\n");
	put(&f, "policies/q.yaml",
	    "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: q}\n"
	    "spec: {tier: root}\n");
	CHECK(weir_repo_load(f.dir, &repo, &err, on_error, &lines) == -EINVAL);
	CHECK(lines.count == 2, "%u: %s", lines.count, lines.first);
	snprintf(want, sizeof(want), "%s/budgets/b.yaml:2:7", f.dir);
	CHECK(!strncmp(err.text, want, strlen(want)), "%s", err.text);
	put(&f, "budgets/b.yaml",
	    "apiVersion: weir.dev/v1alpha1\nkind: Budget\nmetadata: {name: b}\n"
	    "spec: {scope: {team: t}, amount: \"1.00\", currency: USD, period: month}\n");
	put(&f, "policies/q.yaml",
	    "apiVersion: weir.dev/v1alpha1\nkind: FlowPolicy\nmetadata: {name: q}\n"
	    "spec:\n  tier: admin\n  egress:\n"
	    "  - {action: deny, to: [{service: aws/moon}]}\n");
	err.text[0] = '\0';
	CHECK(weir_repo_load(f.dir, &repo, &err, NULL, NULL) == -EINVAL);
	snprintf(want, sizeof(want), "%s/policies/q.yaml:7:", f.dir);
	CHECK(!strncmp(err.text, want, strlen(want)) && strstr(err.text, "aws/moon"), "%s",
	      err.text);
	teardown(&f);
}

TEST_MAIN(T(each_refusal_has_its_name), T(refusal_names_differ),
	  T(manifest_round_trip_and_one_spelling), T(approval_is_signed_found_and_extended),
	  T(a_bad_repository_tells_every_error))
