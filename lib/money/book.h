/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a price book, shared by its loaders and its lookups. */
#ifndef WEIR_MONEY_BOOK_H
#define WEIR_MONEY_BOOK_H

#include "lib/money/price.h"

#define BOOK_MAX_ROWS 16384
#define BOOK_MAX_RULES 65536 /* 13 months of rates for 50 meters of 100 accounts */
#define BOOK_MAX_OVER 131072 /* rows that they make: some 300 bytes each */
/* 1,000 units of the currency per unit of bytes: keeps cumulative cost inside 128 bits. */
#define BOOK_MAX_PRICE_NANOS 1000000000000LL

#define BOOK_RESOURCE WEIR_LEGS /* as a leg: no byte of a path passes it */
enum book_pool {
	BOOK_POOL_ACCOUNT,
	BOOK_POOL_ACCOUNT_REGION,
	BOOK_POOL_ORGANISATION,
	BOOK_POOL_ORGANISATION_REGION,
};

enum book_when {
	BOOK_PUBLIC = 1 << 0,  /* the peer is no known service */
	BOOK_SERVICE = 1 << 1, /* the peer is a provider's service */
	BOOK_SAME_REGION = 1 << 2,
	BOOK_OTHER_REGION = 1 << 3,
	BOOK_SAME_ZONE = 1 << 4,
	BOOK_OTHER_ZONE = 1 << 5,
	/* of path lb */
	BOOK_TARGET = 1 << 6, /* the workload is one */
	BOOK_CLIENT = 1 << 7, /* or it asks */
	BOOK_FACING = 1 << 8, /* the clients are on the internet */
	BOOK_INTERNAL = 1 << 9,
	BOOK_LB = 1 << 10, /* and one bit more for each enum weir_lb_kind */
};

/* Texts and arrays live as long as the book, and rows share them. */
struct book_list {
	const char **items;
	size_t count;
};

struct book_row {
	struct weir_meter pub; /* first: weir_meter_pool() goes back from it */
	const struct weir_pricebook *book;
	enum weir_leg leg; /* or BOOK_RESOURCE */
	enum book_pool pool, free_pool;
	const char *area;    /* regions that the provider pools together; "" = all of a pool's */
	uint32_t paths;	     /* bit per enum weir_path */
	uint32_t directions; /* bit per direction */
	uint32_t when;	     /* enum book_when */
	struct book_list peer_regions, peer_services; /* none = any */
	const struct book_rule *rule;  /* that made this row; NULL: list */
	struct book_row *over;	       /* what takes precedence, the strongest first */
	const char *where;	       /* "file:line:1 path", for messages of the seal */
	size_t order;		       /* in which it was read */
};

/* A contract's term, or a calibrated rate: what holds in place of list prices. */
struct book_rule {
	enum weir_price_layer layer;
	const char *provider;
	struct book_list meters, regions, accounts; /* none = all */
	uint64_t valid_from, valid_to;
	bool fixed;
	int64_t nanos_per_unit; /* fixed */
	uint64_t discount_ppm;
	const char *source, *sku, *where;
	enum weir_confidence confidence;
};

struct book_member { /* an account of an organisation */
	const char *provider, *account, *organisation;
};

struct book_block;
struct weir_pricebook {
	const char *currency;
	struct book_row **rows; /* meters are handed out: rows never move. Sealed: by provider, region, order */
	size_t count;
	struct book_rule **rules;
	size_t rule_count, over_count;
	struct book_member *members;
	size_t member_count;
	struct book_block *blocks;
};

/* Zeroed memory and copies of texts that live as long as the book; NULL on failure. */
void *book_alloc(struct weir_pricebook *b, size_t size);
const char *book_string(struct weir_pricebook *b, const char *s);
int book_add_row(struct weir_pricebook *b, const struct book_row *row);

/* What several kinds of documents say alike. Optional keys leave *ret as it is. */
int book_read_string(struct weir_pricebook *b, struct weir_y *map, const char *key, const char **ret,
		     struct weir_err *err);
int book_need_string(struct weir_pricebook *b, struct weir_y *map, const char *key, const char **ret,
		     struct weir_err *err);
/* A list of texts; groups (may be NULL) is a map of lists, whose names stand for what they hold. */
int book_read_list(struct weir_pricebook *b, struct weir_y *map, const char *key, struct weir_y *groups,
		   struct book_list *ret, struct weir_err *err);
int book_read_validity(struct weir_y *map, uint64_t *from, uint64_t *to, struct weir_err *err);
int book_read_confidence(struct weir_y *map, enum weir_confidence *ret, struct weir_err *err);
int book_read_price(struct weir_y *price, int64_t *ret, struct weir_err *err);

int book_add_prices(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err);      /* price_load.c */
int book_add_contract(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err);    /* price_terms.c */
int book_add_calibration(struct weir_pricebook *b, struct weir_y *spec, struct weir_err *err); /* price_terms.c */

bool book_has(const struct book_list *l, const char *s);
/* The rows of a provider and region: *ret_count from the index returned. provider is len characters long. */
size_t book_place(const struct weir_pricebook *b, const char *provider, size_t len, const char *region,
		  size_t *ret_count);
/* Rules over the sealed rows (price_rule.c); an error names the rule. */
int book_apply_rules(struct weir_pricebook *b, void (*fn)(enum weir_problem kind, const char *line, void *arg),
		     void *arg);

#endif
