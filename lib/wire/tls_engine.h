/* SPDX-License-Identifier: Apache-2.0 */
/* Puts OpenSSL under nng's TLS streams, once in a process and before the first configuration. Internal to lib/wire. */
#ifndef WEIR_WIRE_TLS_ENGINE_H
#define WEIR_WIRE_TLS_ENGINE_H

#include "lib/wire/nng.h"

/* 0, or an error of nng's. */
int weir_tls_engine(void);

#endif
