/* SPDX-License-Identifier: Apache-2.0 */
/* What both ends of the transport need of nng. Internal to lib/wire. */
#ifndef WEIR_WIRE_NNG_H
#define WEIR_WIRE_NNG_H

#include "lib/wire/wire.h"

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

/* What the protocol puts before a message counts against the receiver's limit. */
#define WEIR_NNG_HEADROOM 64

/* A negative errno for an nng result. */
int weir_nng_errno(int rv);
/* Sets "what url: reason" and returns the negative errno. */
int weir_nng_err(struct weir_err *err, int rv, const char *what, const char *url);
/* -EINVAL unless url begins with tls+tcp://: plaintext is not a setting. */
int weir_nng_url_check(const char *url, struct weir_err *err);
/* Both ends verify: the peer must show a certificate of tls->ca. Free with nng_tls_config_free. */
int weir_nng_tls(const struct weir_tls_files *tls, nng_tls_mode mode, nng_tls_config **ret,
		 struct weir_err *err);

static inline void weir_nng_tls_freep(nng_tls_config **c)
{
	if (*c)
		nng_tls_config_free(*c);
	*c = NULL;
}
#define weir_auto_nng_tls weir_cleanup(weir_nng_tls_freep)

#endif
