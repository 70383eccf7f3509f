/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program shows and whom it believes in TLS: files that are exchanged while it runs. New ones are
 * taken only when they are good as a whole; else the old ones stay in use, and that is said once.
 */
#ifndef WEIR_CREDS_H
#define WEIR_CREDS_H

#include "lib/base/base.h"

struct weir_creds_files {
	const char *ca, *cert, *key; /* PEM; ca may hold several authorities */
	const char *crl;	     /* PEM; NULL or "" = none */
};

struct weir_creds;
/* Takes what stands there as it is; borrows the paths. */
int weir_creds_new(const struct weir_creds_files *files, struct weir_creds **ret);
void weir_creds_free(struct weir_creds *c);
/*
 * 1: the files changed and are good: use them. 0: nothing to do. Negative: what stands there cannot be used,
 * err says why, and it was not said before; it is looked at again each time. at_once: do not wait until the
 * files stand still.
 */
int weir_creds_poll(struct weir_creds *c, uint64_t now_s, bool at_once, struct weir_err *err);
/* For a caller who could not use what poll said was good. */
void weir_creds_reject(struct weir_creds *c);
/* The files are not what is in use. */
bool weir_creds_broken(const struct weir_creds *c);
/* When the certificate in use, or the authority behind it, ends; 0 = not known. */
uint64_t weir_creds_expires_s(const struct weir_creds *c);
/* Whether that is within so many seconds, or past: true once a day at most. */
bool weir_creds_remind(struct weir_creds *c, uint64_t now_s, uint64_t within_s);

/* Whether the files are good together at a time; how long, and the authority of the certificate counts. */
int weir_creds_check(const struct weir_creds_files *files, uint64_t now_s, uint64_t *ret_expires_s,
		     struct weir_err *err);

#endif
