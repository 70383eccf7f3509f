/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a test, in a directory of its own that goes with the process. */
#ifndef WEIR_TEST_CERTIFICATES_H
#define WEIR_TEST_CERTIFICATES_H

#include <ftw.h>
#include <stdio.h>
#include <time.h>

#include "lib/os/x509.h"
#include "lib/wire/wire.h"

static const struct weir_wire_bounds bounds = {.message = 4096, .requests = 8, .peers = 64};
static char dir[64];

static struct {
	char path[16][96];
	struct weir_tls_files server, client, foreign;
} pki;

static inline int rm(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline void pki_remove(void)
{
	nftw(dir, rm, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int issue(enum weir_cert_use use, const char *cn, int ca, int at)
{
	struct weir_cert_req req = {.use = use, .cn = cn, .not_before_s = (uint64_t)time(NULL) - 60, .days = 2};
	struct weir_err err = {{0}};
	int r;

	snprintf(pki.path[at], sizeof(pki.path[at]), "%s/%d.cert", dir, at);
	snprintf(pki.path[at + 1], sizeof(pki.path[at + 1]), "%s/%d.key", dir, at);
	r = weir_cert_issue(&req, ca < 0 ? NULL : pki.path[ca], ca < 0 ? NULL : pki.path[ca + 1],
			    pki.path[at], pki.path[at + 1], &err);
	if (r)
		printf("# %s: %s\n", cn, err.text);
	return r;
}

/* An authority, a server ("weir-server") and a node of it. */
static inline int pki_begin(void)
{
	int r;

	strcpy(dir, "/tmp/weir-pki-XXXXXX");
	if (!mkdtemp(dir))
		return -errno;
	atexit(pki_remove);
	r = issue(WEIR_CERT_CA, "ca", -1, 0);
	if (!r)
		r = issue(WEIR_CERT_SERVER, "weir-server", 0, 2);
	if (!r)
		r = issue(WEIR_CERT_CLIENT, "node", 0, 4);
	pki.server = (struct weir_tls_files){.ca = pki.path[0], .cert = pki.path[2], .key = pki.path[3]};
	pki.client = (struct weir_tls_files){.ca = pki.path[0], .cert = pki.path[4], .key = pki.path[5],
					     .server_name = "weir-server"};
	return r;
}

#endif
