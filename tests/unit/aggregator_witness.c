/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of an audit log in hostile hands: whatever is done to what a witness has seen is found. */
#include "aggregator/witness.h"
#include "lib/base/log.h"
#include "lib/os/file.h"
#include "tests/lib/store_fixture.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <time.h>

#define ENTRIES_MAX 12

static uint64_t seed;

static uint32_t dice(uint32_t n)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33) % n;
}

struct lines {
	char *line[2 * ENTRIES_MAX];
	size_t count;
};

static void lines_fini(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->line[i]);
	l->count = 0;
}

struct scene {
	char dir[32], path[48];
	struct service sv;
};

static void scene_init(struct test_state *test_st, struct scene *s)
{
	struct weir_err err = {{0}};

	*s = (struct scene){0};
	strcpy(s->dir, "/tmp/weir-witness-XXXXXX");
	CHECK(mkdtemp(s->dir) != NULL);
	snprintf(s->path, sizeof(s->path), "%s/log", s->dir);
	s->sv.config.audit_path = s->path;
	s->sv.config.audit_key = (char *)"";
	s->sv.store = open_store();
	CHECK(!audit_open(s->path, 1, &s->sv.audit, &err), "%s", err.text);
	CHECK(!witness_new(&s->sv, &s->sv.witness, &err), "%s", err.text);
}

static void scene_fini(struct scene *s)
{
	weir_auto_free char *command = weir_strf("rm -rf '%s'", s->dir);

	witness_free(s->sv.witness);
	audit_close(s->sv.audit);
	store_close(s->sv.store);
	if (system(command))
		abort();
}
#define auto_scene weir_cleanup(scene_fini) struct scene

/* The aggregator ends, the log becomes these lines, and it starts again; what it then says. */
static const char *again(struct scene *s, const struct lines *l, struct weir_err *err)
{
	weir_auto_free char *text = strdup("");
	int r;

	witness_free(weir_take_ptr(s->sv.witness));
	audit_close(weir_take_ptr(s->sv.audit));
	for (size_t i = 0; l && i < l->count; i++) {
		char *more = weir_strf("%s%s\n", text, l->line[i]);

		free(text);
		text = more;
	}
	*err = (struct weir_err){0};
	r = l ? weir_file_write(s->path, text, strlen(text), 0600) : 0;
	if (!r)
		r = audit_open(s->path, 1, &s->sv.audit, err);
	if (!r)
		r = witness_new(&s->sv, &s->sv.witness, err);
	if (r)
		return err->text;
	return witness_alarm(s->sv.witness);
}

static void read_lines(struct test_state *test_st, const struct scene *s, struct lines *ret)
{
	weir_auto_free char *text = NULL;
	char *rest, *line;
	size_t len;

	CHECK(!weir_file_read(s->path, 1 << 20, &text, &len));
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (*line)
			ret->line[ret->count++] = strdup(line);
}

/* As somebody would who knows the format: numbers and hashes are made to fit again. */
static void chain_anew(struct lines *l)
{
	struct weir_chain c = {0};

	for (size_t i = 0; i < l->count; i++) {
		const char *rest = strchr(l->line[i], ',');
		weir_auto_free char *entry = NULL;
		char tail[WEIR_CHAIN_TAIL + 1], *fresh;
		uint8_t hash[WEIR_SHA256_LEN];

		entry = weir_strf("{\"seq\":%" PRIu64 "%.*s", c.seq + 1, (int)(strlen(rest) - WEIR_CHAIN_TAIL), rest);
		weir_chain_tail(&c, entry, strlen(entry), tail, hash);
		fresh = weir_strf("%s%s", entry, tail);
		free(l->line[i]);
		l->line[i] = fresh;
		c.seq++;
		memcpy(c.hash, hash, sizeof(hash));
	}
}

static void take_out(struct lines *l, size_t at)
{
	free(l->line[at]);
	memmove(l->line + at, l->line + at + 1, (--l->count - at) * sizeof(*l->line));
}

static void put_in(struct lines *l, size_t at, char *line)
{
	memmove(l->line + at + 1, l->line + at, (l->count++ - at) * sizeof(*l->line));
	l->line[at] = line;
}

enum { EDIT, REMOVE, SWAP, DUPLICATE, CUT, KINDS };
static const char *const kinds[] = {"edited", "removed", "moved", "inserted", "cut"};

/* Something is done to the first `seen` entries. */
static void tamper(struct lines *l, int kind, size_t seen)
{
	size_t at = dice((uint32_t)seen);
	char *name, *other;

	switch (kind) {
	case EDIT:
		name = strstr(l->line[at], "\"n");
		name[2] = name[2] == 'x' ? 'y' : 'x';
		break;
	case REMOVE:
		take_out(l, at);
		break;
	case SWAP:
		at = at + 1 < l->count ? at : at - 1;
		other = l->line[at];
		l->line[at] = l->line[at + 1];
		l->line[at + 1] = other;
		break;
	case DUPLICATE:
		other = strdup(l->line[at]); /* a copy of its own would be nothing new before the next one */
		strstr(other, "\"n")[2] = 'z';
		put_in(l, at, other);
		break;
	case CUT:
		while (l->count > at)
			take_out(l, l->count - 1);
		break;
	}
}

/* n entries, the head after `seen` of them witnessed by a node. */
static void write_log(struct test_state *test_st, struct scene *s, size_t n, size_t seen)
{
	struct weir_chain_head h = {0};

	for (size_t i = 0; i < n; i++) {
		char node[24], serial[12];

		snprintf(node, sizeof(node), "n%zu", i);
		snprintf(serial, sizeof(serial), "%u", dice(1000));
		CHECK(!audit_add(s->sv.audit, i + 1, "applied", "node", node, "serial", serial, NULL));
		if (i + 1 != seen)
			continue;
		witness_head(s->sv.witness, &h);
		CHECK(h.seq == seen);
		witness_take(s->sv.witness, "n1", &h, 5);
	}
}

TEST(any_tampering_with_what_was_seen_is_found)
{
	int rounds = getenv("WEIR_LONG") ? 2000 : 40;

	for (int i = 0; i < rounds; i++) {
		auto_scene s = {0};
		weir_cleanup(lines_fini) struct lines l = {0};
		size_t n = 3 + dice(ENTRIES_MAX - 3), seen = 2 + dice((uint32_t)n - 1);
		int kind = i % KINDS;
		bool anew = dice(2) || kind == CUT;
		struct weir_err err;
		const char *said;

		scene_init(test_st, &s);
		write_log(test_st, &s, n, seen);
		said = again(&s, NULL, &err);
		CHECK(!*said, "untouched: %s", said);
		read_lines(test_st, &s, &l);
		tamper(&l, kind, kind == SWAP ? seen - 1 : seen);
		if (anew)
			chain_anew(&l);
		said = again(&s, &l, &err);
		CHECK(*said, "entry %zu of %zu was seen, one was %s%s: not found", seen, n, kinds[kind],
		      anew ? ", and the chain made anew" : "");
	}
}

TEST(the_end_that_nobody_has_seen_can_be_cut)
{
	auto_scene s = {0};
	weir_cleanup(lines_fini) struct lines l = {0};
	struct weir_err err;

	scene_init(test_st, &s);
	write_log(test_st, &s, 6, 4);
	read_lines(test_st, &s, &l);
	take_out(&l, 5);
	take_out(&l, 4);
	CHECK(!*again(&s, &l, &err), "it is the witness, and nothing else, that finds a cut");
}

TEST(a_cut_log_that_goes_on_is_found_by_a_node)
{
	auto_scene s = {0};
	weir_cleanup(lines_fini) struct lines l = {0};
	struct weir_chain_head kept = {0};
	struct weir_err err;

	scene_init(test_st, &s);
	write_log(test_st, &s, 5, 1);
	witness_head(s.sv.witness, &kept);
	read_lines(test_st, &s, &l);
	take_out(&l, 4);
	CHECK(!*again(&s, &l, &err), "the database has seen entry 1 only: %s", err.text);
	write_log(test_st, &s, 3, 0);
	witness_take(s.sv.witness, "n2", &kept, 6);
	CHECK(strstr(witness_alarm(s.sv.witness), "node n2 has seen entry 5: the log holds another one"), "%s",
	      witness_alarm(s.sv.witness));
	CHECK(audit_count(s.sv.audit) == 8, "and it is in the log, once");
	witness_take(s.sv.witness, "n3", &kept, 7);
	CHECK(audit_count(s.sv.audit) == 8);
}

TEST(a_head_by_another_key_is_said)
{
	auto_scene s = {0};
	struct weir_chain_head h;

	scene_init(test_st, &s);
	write_log(test_st, &s, 3, 0);
	witness_head(s.sv.witness, &h);
	h.sig[3] ^= 1;
	witness_take(s.sv.witness, "n2", &h, 6);
	CHECK(strstr(witness_alarm(s.sv.witness), "signed by another key"), "%s", witness_alarm(s.sv.witness));
}

TEST(a_head_goes_through_text)
{
	char text[WEIR_CHAIN_HEAD_TEXT];
	struct weir_chain_head h, back;
	auto_scene s = {0};

	scene_init(test_st, &s);
	witness_head(s.sv.witness, &h);
	CHECK(!h.seq, "an empty log has none");
	write_log(test_st, &s, 2, 0);
	witness_head(s.sv.witness, &h);
	CHECK(!weir_chain_head_parse(weir_chain_head_text(&h, text), &back) && !memcmp(&h, &back, sizeof(h)), "%s", text);
	CHECK(weir_chain_head_parse("", &back) && weir_chain_head_parse("0 00 00", &back) &&
	      weir_chain_head_parse("1 2 3", &back));
	text[30] = 'g';
	CHECK(weir_chain_head_parse(text, &back));
}

/* By so many entries, written by hand: each of the log's own is an fsync. */
static const char *again_longer(struct test_state *test_st, struct scene *s, int more)
{
	weir_auto_free char *text = NULL;
	weir_auto_buf struct weir_buf b = {.max = 64u << 20};
	struct weir_chain c = {0};
	static struct weir_err err;
	size_t len;

	CHECK(!weir_file_read(s->path, 1 << 20, &text, &len) && !weir_buf_add(&b, text, len));
	for (char *at = text, *nl; (nl = strchr(at, '\n')); at = nl + 1)
		CHECK(!weir_chain_step(&c, at, (size_t)(nl - at)));
	while (more--) {
		char entry[96], tail[WEIR_CHAIN_TAIL + 1];
		uint8_t hash[WEIR_SHA256_LEN];

		snprintf(entry, sizeof(entry), "{\"seq\":%" PRIu64 ",\"time_ns\":1,\"event\":\"x\",\"fields\":{}", c.seq + 1);
		weir_chain_tail(&c, entry, strlen(entry), tail, hash);
		CHECK(!weir_buf_addf(&b, "%s%s\n", entry, tail));
		c.seq++;
		memcpy(c.hash, hash, sizeof(hash));
	}
	CHECK(!weir_file_write(s->path, b.data, b.len, 0600));
	return again(s, NULL, &err);
}

TEST(a_head_older_than_what_is_remembered_is_looked_up)
{
	struct weir_chain_head h, other;
	auto_scene s = {0};

	scene_init(test_st, &s);
	write_log(test_st, &s, 2, 0);
	witness_head(s.sv.witness, &h);
	other = h;
	other.hash[0] ^= 1;
	CHECK(audit_holds(s.sv.audit, &h) == 0 && audit_holds(s.sv.audit, &other) == -EBADMSG);
	CHECK(!*again_longer(test_st, &s, 4200));
	CHECK(audit_holds(s.sv.audit, &h) == 0 && audit_holds(s.sv.audit, &other) == -EBADMSG);
	h.seq = 5000;
	CHECK(audit_holds(s.sv.audit, &h) == -ENODATA);
}

static void seeds(void)
{
	const char *given = getenv("WEIR_SEED");

	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("# seed %" PRIu64 "\n", seed);
}

TEST(begin)
{
	CHECK(setvbuf(stdout, NULL, _IOLBF, 0) == 0);
	weir_log_init("test", WEIR_LOG_ERR);
	seeds();
}

TEST_MAIN(T(begin), T(any_tampering_with_what_was_seen_is_found), T(the_end_that_nobody_has_seen_can_be_cut),
	  T(a_cut_log_that_goes_on_is_found_by_a_node), T(a_head_by_another_key_is_said), T(a_head_goes_through_text),
	  T(a_head_older_than_what_is_remembered_is_looked_up))
