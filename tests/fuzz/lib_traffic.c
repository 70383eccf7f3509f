/* SPDX-License-Identifier: Apache-2.0 */
/* A file of recorded traffic, plain or gzip: what is read is written as lines that are read as the same rows. */
#include "lib/ds/buf.h"
#include "lib/money/traffic.h"
#include "tests/fuzz/fuzz.h"

static uint64_t sum_of(const struct weir_traffic_set *s, struct weir_buf *ret)
{
	uint64_t sum = 0;

	MUST(weir_buf_addf(ret, "%s", weir_traffic_header()) == 0);
	for (size_t i = 0; i < weir_traffic_count(s); i++) {
		struct weir_traffic t;

		weir_traffic_get(s, i, &t);
		MUST(t.hour_s % 3600 == 0 && t.dir <= 1 && t.path < WEIR_PATHS && t.bytes <= WEIR_TRAFFIC_BYTES_MAX && t.peer_team);
		MUST(weir_traffic_line(&t, ret) == 0);
		sum += t.bytes;
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	weir_auto_traffic struct weir_traffic_set *s = NULL, *again = NULL;
	weir_auto_buf struct weir_buf lines = {0}, more = {0};
	struct fuzz_file f = fuzz_file(data, len), g;
	struct weir_err err = {0};
	int r;

	MUST(weir_traffic_new(&s) == 0 && weir_traffic_new(&again) == 0);
	r = weir_traffic_read(s, f.path, &err);
	MUST(r == 0 || err.text[0]);
	close(f.fd);
	sum_of(s, &lines);
	g = fuzz_file(lines.data, lines.len);
	r = weir_traffic_read(again, g.path, &err);
	MUST(r == 0 && weir_traffic_count(again) == weir_traffic_count(s));
	MUST(sum_of(again, &more) == sum_of(s, &lines) && more.len * 2 == lines.len && !memcmp(more.data, lines.data, more.len));
	close(g.fd);
	return 0;
}
