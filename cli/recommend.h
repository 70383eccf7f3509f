/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of weirctl recommend share: what was asked, and the world that the traffic is replayed in. */
#ifndef WEIR_CLI_RECOMMEND_H
#define WEIR_CLI_RECOMMEND_H

#include "cli/args.h"
#include "cli/prices.h"
#include "lib/money/rules.h"
#include "lib/policy/repo.h"

struct recommend {
	const struct cli *c;
	const char *dir, *topology_path, *prices_path, *show, *save, *realised, *min;
	const char *traffic_files[ARGS_LIST_MAX + 1], *ranges[ARGS_LIST_MAX + 1];
	uint64_t since_s, window_s, landed_s;
	bool all;
	struct weir_repo *repo; /* NULL: the two below are our own */
	struct weir_topology *topology;
	struct weir_pricebook *prices;
	struct weir_traffic_set *traffic;
	struct weir_savings *savings;
	uint64_t notes; /* what has no place in an imported topology */
};

/* In the world of r: what is asked of a replay. */
struct weir_savings_in recommend_in(const struct recommend *r);
/* "984.19", of nanos of the currency; buf has HUMAN_MAX bytes. */
char *recommend_money(int64_t nanos, char *buf);

int recommend_list(const struct recommend *r, struct weir_err *err);
/* All of one, and its change whole. */
int recommend_show(const struct recommend *r, struct weir_err *err);
/* Keeps what is promised of r->show in the file r->save. */
int recommend_save(const struct recommend *r, struct weir_err *err);
/* What the change of the file r->realised saved since r->landed_s. */
int recommend_realised(const struct recommend *r, struct weir_err *err);

#endif
