/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a price book, shared by its loader and its lookups. */
#ifndef WEIR_MONEY_BOOK_H
#define WEIR_MONEY_BOOK_H

#include "lib/money/price.h"

#define BOOK_MAX_ROWS 4096

/* In the order in which a route's meters are returned. */
enum book_leg { BOOK_PROCESSING, BOOK_HOP, BOOK_TRANSFER, BOOK_LEGS };
enum book_pool { BOOK_POOL_ACCOUNT, BOOK_POOL_ACCOUNT_REGION };

enum book_when {
	BOOK_PUBLIC = 1 << 0,  /* the peer is no known service */
	BOOK_SERVICE = 1 << 1, /* the peer is a provider's service */
	BOOK_SAME_REGION = 1 << 2,
	BOOK_OTHER_REGION = 1 << 3,
	BOOK_SAME_ZONE = 1 << 4,
	BOOK_OTHER_ZONE = 1 << 5,
};

struct book_row {
	struct weir_meter pub; /* first: weir_meter_pool() goes back from it */
	enum book_leg leg;
	enum book_pool pool;
	uint32_t paths;	     /* bit per enum weir_path */
	uint32_t directions; /* bit per direction */
	uint32_t when;	     /* enum book_when */
	char **peer_regions; /* malloc'ed texts; none = any */
	size_t peer_region_count;
	uint64_t valid_from, valid_to; /* Unix seconds, half open */
	char *where;		       /* "file:line", for messages of the seal */
};

struct weir_pricebook {
	char *currency;
	struct book_row **rows; /* meters are handed out: rows never move */
	size_t count;
};

void book_row_free(struct book_row *row);
static inline void book_row_freep(struct book_row **row)
{
	book_row_free(*row);
}

#endif
