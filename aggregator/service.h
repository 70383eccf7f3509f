/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the running aggregator share: made by the manager, lent to all. */
#ifndef AGGREGATOR_SERVICE_H
#define AGGREGATOR_SERVICE_H

#include "aggregator/audit.h"
#include "aggregator/config.h"
#include "aggregator/gitops.h"
#include "aggregator/session.h"
#include "aggregator/stats.h"
#include "aggregator/store.h"
#include "lib/policy/order.h"
#include "lib/wire/wire.h"

/* Requests that telemetry may hold at once: more wait in their connections. */
#define TELEMETRY_REQUESTS 256
/* Every connected agent holds one request on the control socket nearly all the time. */
#define CONTROL_REQUESTS 8192
/* Two sessions for each of the agents that the control socket can hold. */
#define SESSIONS_MAX (2 * CONTROL_REQUESTS)

struct alerts;
struct weir_shelf;
struct control;
struct witness;
struct watch;
struct signals;
struct live;
struct worker;

/* The last order of an operator; order.number 0 = there was none. */
struct emergency {
	struct weir_order order;
	uint8_t text[WEIR_ORDER_MAX];
	size_t len;
	struct weir_push_sig sig;
};

struct service {
	struct config config;
	struct store *store;
	struct audit *audit;
	struct gitops *gitops;
	struct sessions *sessions;
	struct weir_wire_server *telemetry, *control_wire;
	struct control *control;
	struct witness *witness;
	struct emergency emergency;
	struct watch *watch;
	struct alerts *alerts;
	struct weir_shelf *shelf; /* models: any thread may use it */
	struct signals *signals;
	struct live *live; /* NULL: models are off */
	struct worker *worker; /* of forecasts of budgets; NULL: there are none */
	struct stats stats;
	uint64_t started_ns;
	uint64_t cert_expires_s; /* of the certificate in use, 0 = not known */
	bool keys_broken;	 /* a file of keys holds what cannot be used */
};

/* handshake.c */
/* Packs and sends; a failure is logged. */
void service_reply(struct service *sv, struct weir_wire_server *w, uint64_t id, const struct weir_msg *m);
void service_refuse(struct service *sv, struct weir_wire_server *w, uint64_t id, enum weir_refusal_code code,
		    const char *text);
/*
 * Takes the next request of a socket: answers hello, proof and everything malformed or without a
 * session itself. 0: *ret_msg (caller frees) is of a live session; 1: was answered here; -EAGAIN.
 */
int service_next(struct service *sv, enum weir_socket_kind kind, uint64_t now_ns, uint64_t *ret_id,
		 struct weir_msg **ret_msg, struct session **ret_session);
/* An entry that cannot be written is logged: the log is evidence, not a condition of running. */
void service_audited(int r);

/* disk.c: of the store's files, and of the file system they are on; 0 when they cannot be looked at. */
uint64_t service_store_bytes(const struct service *sv);
void service_store_room(const struct service *sv, uint64_t *ret_free_bytes, uint64_t *ret_size_bytes);

/* lease.c */
void leases_sweep(struct service *sv, uint64_t now_ns);

/* order.c */
int order_load(struct service *sv, struct weir_err *err);
/* body: the text of an order, and in a last line who signed it, as in an approval. -EINVAL and why. */
int order_take(struct service *sv, const char *body, size_t len, uint64_t now_ns, struct weir_err *err);
/* The order that a node is to hear of which has handled those up to `have`; NULL = none. */
const struct emergency *order_for(const struct service *sv, uint64_t have, uint64_t now_ns);

/* telemetry.c */
void telemetry_ready(struct service *sv, uint64_t now_ns);

/* control.c */
int control_new(struct service *sv, struct control **ret);
void control_free(struct control *c);
/* Polls that are held for want of news. */
size_t control_held(const struct control *c);
void control_ready(struct control *c, uint64_t now_ns);
/* Answers the polls that a new release concerns, and those held long enough. */
void control_sweep(struct control *c, uint64_t now_ns);

#endif
