/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/text.h"

#include <inttypes.h>

#include "lib/base/clock.h"
#include "lib/ds/utf8.h"

int text_json(struct weir_buf *b, const char *s)
{
	int r = weir_buf_add(b, "\"", 1);

	for (const char *p = s; !r && *p; p++) {
		unsigned char c = (unsigned char)*p;
		size_t n = weir_utf8_char(p);

		if (c == '"' || c == '\\') {
			r = weir_buf_addf(b, "\\%c", c);
		} else if (c < 0x20 || c == 0x7f) {
			r = weir_buf_addf(b, "\\u%04x", c);
		} else {
			r = weir_buf_add(b, n ? p : "?", n ? n : 1);
			p += n ? n - 1 : 0;
		}
	}
	return r ? r : weir_buf_add(b, "\"", 1);
}

char *text_money(int64_t nanos, char buf[TEXT_MONEY_MAX])
{
	uint64_t u = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos;
	int n = snprintf(buf, TEXT_MONEY_MAX, "%s%" PRIu64 ".%09" PRIu64, nanos < 0 ? "-" : "",
			 u / 1000000000u, u % 1000000000u);

	for (int cut = 0; cut < 7 && buf[n - 1] == '0'; cut++)
		buf[--n] = 0;
	return buf;
}

uint32_t text_month(uint64_t time_s)
{
	return weir_time_month(time_s);
}

const char *text_undo(uint32_t why)
{
	static const char *const names[WEIR_UNDOS] = {"", "unconfirmed", "emergency-operator", "emergency-root"};

	return why < WEIR_UNDOS ? names[why] : "?";
}
