/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/watch.h"

#include "aggregator/live.h"
#include "aggregator/signals.h"
#include "aggregator/store_budget.h"
#include "aggregator/witness.h"
#include "lib/base/log.h"

#define NS_S 1000000000ull
#define DAY_S 86400ull
/* The ledger of a day is much to read. */
#define PRICES_NS (60 * NS_S)

struct watch {
	struct checks *checks;
	uint64_t prices_ns; /* when the next three were read */
	uint64_t unpriced_bytes, unknown_bytes, priced_bytes;
	char unpriced_paths[CHECKS_TEXT / 2];
};

int watch_new(struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r = w ? checks_new(&w->checks) : -ENOMEM;

	if (r) {
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	checks_free(w->checks);
	free(w);
}

static int add_path(uint32_t path, bool priced, uint64_t bytes, void *arg)
{
	struct watch *w = arg;
	size_t used = strlen(w->unpriced_paths);

	if (priced) {
		w->priced_bytes += bytes;
	} else if (path == WEIR_PATH_UNKNOWN) {
		w->unknown_bytes += bytes;
	} else {
		w->unpriced_bytes += bytes;
		snprintf(w->unpriced_paths + used, sizeof(w->unpriced_paths) - used, "%s%s", used ? " " : "",
			 weir_path_name((enum weir_path)path));
	}
	return 0;
}

static void read_prices(struct watch *w, const struct service *sv, uint64_t now_ns)
{
	uint64_t from_s = now_ns / NS_S > DAY_S ? now_ns / NS_S - DAY_S : 0;
	int r;

	if (w->prices_ns && now_ns < w->prices_ns + PRICES_NS && now_ns >= w->prices_ns)
		return;
	w->prices_ns = now_ns;
	w->unpriced_bytes = w->unknown_bytes = w->priced_bytes = 0;
	*w->unpriced_paths = '\0';
	r = query_priced(sv->store, from_s, add_path, w);
	if (r)
		weir_log_err(r, "store: the ledger cannot be looked at: %s", store_error(sv->store));
}

/* Names of sources that fail now, with spaces between them, as far as there is room. */
static void read_signals(const struct signals *s, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; s && i < signals_sources(s); i++) {
		const struct signals_about *a = signals_about(s, i);

		if (a->state == SIGNALS_FAILS && used < size)
			used += (size_t)snprintf(buf + used, size - used, "%s%s", used ? " " : "", a->name);
	}
}

static bool models_fail(const struct live *l)
{
	struct live_stats st = {0};

	if (l)
		live_stats(l, &st);
	return st.failing;
}

int watch_run(struct watch *w, const struct service *sv, const struct fleet *fleet, struct problem *ret,
	      size_t *ret_count)
{
	uint64_t now_s = fleet->now_ns / NS_S;
	char deaf[CHECKS_TEXT / 2], failing[CHECKS_TEXT / 2];
	struct checks_input in = {
		.fleet = fleet,
		.policy_state = gitops_state(sv->gitops),
		.policy_error = gitops_error(sv->gitops),
		.failed_ns = sv->stats.failed_ns,
		.good_ns = sv->stats.good_ns,
		.cert_until_s = sv->cert_expires_s,
		.keys_broken = sv->keys_broken,
		.audit_alarm = witness_alarm(sv->witness),
		.deaf_webhooks = deaf,
		.failing_signals = failing,
		.models_fail = models_fail(sv->live),
	};
	int r = store_notices_failing(sv->store, now_s > DAY_S ? now_s - DAY_S : 0, deaf, sizeof(deaf));

	if (r)
		weir_log_err(r, "store: notices cannot be looked at: %s", store_error(sv->store));

	read_signals(sv->signals, failing, sizeof(failing));
	read_prices(w, sv, fleet->now_ns);
	in.unpriced_bytes = w->unpriced_bytes;
	in.unknown_bytes = w->unknown_bytes;
	in.priced_bytes = w->priced_bytes;
	in.unpriced_paths = w->unpriced_paths;
	service_store_room(sv, &in.free_bytes, &in.size_bytes);
	return checks_run(w->checks, &in, ret, ret_count);
}
