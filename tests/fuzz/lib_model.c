/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A forest's own bytes, past the hash that guards a model file: refused, or a forest that scores by every way alike, explains
 * itself and packs again. And a model file of any kind, with the hash that makes it whole.
 */
#include <math.h>

#include "lib/model/forest.h"
#include "lib/os/crypto.h"
#include "tests/fuzz/fuzz.h"

#define ROWS 40 /* enough for the way that takes many at once */
#define WIDE 64 /* features; more would only be slow */

static void use(const struct weir_forest *f)
{
	weir_auto_free double *v = calloc(ROWS * f->width, sizeof(*v));
	struct weir_rows rows = {.v = v, .n = ROWS, .width = f->width};
	double plain[ROWS], other[ROWS];
	struct weir_explain e;

	MUST(v);
	for (size_t i = 0; i < ROWS * f->width; i++)
		v[i] = i % 7 ? ldexp((double)(i % 13) - 6, (int)(i % 200) - 100) : NAN;
	MUST(!weir_forest_score(f, WEIR_FOREST_PORTABLE, &rows, plain));
	for (size_t i = 0; i < ROWS; i++)
		MUST(plain[i] > 0 && plain[i] < 1);
	if (weir_forest_has(f, WEIR_FOREST_AVX2))
		MUST(!weir_forest_score(f, WEIR_FOREST_AVX2, &rows, other) && !memcmp(plain, other, sizeof(plain)));
	MUST(!weir_forest_explain(f, &rows, &e) && fabs(exp2(e.value) - plain[0]) < 1e-5 && e.count <= WEIR_EXPLAIN_MAX);
	MUST(f->extended || !weir_forest_shap(f, &rows, &e));
}

static void forest(const uint8_t *data, size_t len)
{
	struct weir_reader r = {.at = data, .end = data + len};
	weir_auto_buf struct weir_buf once = {0};
	void *state = NULL;
	int got = weir_forest_unpack(&r, &state);
	const struct weir_forest *f = state;

	MUST((got == -EBADMSG && !state) || (!got && state));
	if (got)
		return;
	MUST(!weir_forest_pack(f, &once) && once.len <= len && !memcmp(once.data, data, once.len));
	if (f->width <= WIDE)
		use(f);
	weir_forest_free(state);
}

static void file(const uint8_t *data, size_t len)
{
	weir_auto_free uint8_t *whole = malloc(len + WEIR_SHA256_LEN);
	weir_auto_buf struct weir_buf bytes = {0};
	weir_auto_model m = {0};
	struct weir_err err = {{0}};
	int r;

	MUST(whole && !weir_sha256(data, len, whole + len));
	memcpy(whole, data, len);
	r = weir_model_unpack(whole, len + WEIR_SHA256_LEN, &m, &err);
	MUST((r == 0) == (m.ops != NULL) && (r == 0 || r == -ENOMEM || *err.text));
	MUST(r || !weir_model_pack(&m, &bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	forest(data, len);
	file(data, len);
	return 0;
}
