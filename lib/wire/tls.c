/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/file.h"
#include "lib/wire/tls_engine.h"

#define PEM_MAX ((size_t)16 << 20) /* of a revocation list */

int weir_nng_errno(int rv)
{
	static const struct {
		int nng, err;
	} map[] = {
		{NNG_ENOMEM, ENOMEM},		{NNG_EINVAL, EINVAL},
		{NNG_EBUSY, EBUSY},		{NNG_ETIMEDOUT, ETIMEDOUT},
		{NNG_ECONNREFUSED, ECONNREFUSED}, {NNG_ENOTSUP, EOPNOTSUPP},
		{NNG_EADDRINUSE, EADDRINUSE},	{NNG_EADDRINVAL, EADDRNOTAVAIL},
		{NNG_EPERM, EACCES},		{NNG_EMSGSIZE, EMSGSIZE},
		{NNG_ENOFILES, EMFILE},		{NNG_ECRYPTO, EKEYREJECTED},
		{NNG_EPEERAUTH, EKEYREJECTED},
	};

	if (!rv)
		return 0;
	if (rv & NNG_ESYSERR)
		return -(rv & ~NNG_ESYSERR);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(map); i++)
		if (map[i].nng == rv)
			return -map[i].err;
	return -ECONNRESET;
}

int weir_nng_err(struct weir_err *err, int rv, const char *what, const char *url)
{
	return rv ? weir_err_set(err, weir_nng_errno(rv), "%s %s: %s", what, url, nng_strerror(rv)) : 0;
}

int weir_nng_url_check(const char *url, struct weir_err *err)
{
	static const char scheme[] = "tls+tcp://";

	if (strncmp(url, scheme, sizeof(scheme) - 1) == 0)
		return 0;
	return weir_err_set(err, -EINVAL, "%s: the address must begin with %s", url, scheme);
}

static int pem_read(const char *path, const char *what, char **ret, struct weir_err *err)
{
	size_t len;
	int r;

	if (!path || !*path)
		return weir_err_set(err, -EINVAL, "tls: no %s given", what);
	r = weir_file_read(path, PEM_MAX, ret, &len);
	return r ? weir_err_set(err, r, "%s: %s", path, strerror(-r)) : 0;
}

int weir_nng_tls(const struct weir_tls_files *tls, nng_tls_mode mode, nng_tls_config **ret,
		 struct weir_err *err)
{
	weir_auto_nng_tls nng_tls_config *c = NULL;
	weir_auto_free char *ca = NULL, *cert = NULL, *key = NULL, *crl = NULL;
	int r = pem_read(tls->ca, "CA certificate", &ca, err);

	if (!r)
		r = pem_read(tls->cert, "certificate", &cert, err);
	if (!r)
		r = pem_read(tls->key, "key", &key, err);
	if (!r && tls->crl && *tls->crl)
		r = pem_read(tls->crl, "revocation list", &crl, err);
	if (r)
		return r;
	if (mode == NNG_TLS_MODE_CLIENT && (!tls->server_name || !*tls->server_name))
		return weir_err_set(err, -EINVAL, "tls: no server name given");
	r = weir_tls_engine();
	if (!r)
		r = nng_tls_config_alloc(&c, mode);
	if (r)
		return weir_nng_err(err, r, "tls", "configuration");
	r = nng_tls_config_ca_chain(c, ca, crl);
	if (r)
		return weir_nng_err(err, r, crl ? "CA certificate (or revocation list)" : "CA certificate", tls->ca);
	r = nng_tls_config_own_cert(c, cert, key, NULL);
	explicit_bzero(key, strlen(key));
	if (r)
		return weir_nng_err(err, r, "certificate (or its key)", tls->cert);
	r = nng_tls_config_auth_mode(c, NNG_TLS_AUTH_MODE_REQUIRED);
	if (!r && mode == NNG_TLS_MODE_CLIENT)
		r = nng_tls_config_server_name(c, tls->server_name);
	if (r)
		return weir_nng_err(err, r, "tls", "configuration");
	*ret = weir_take_ptr(c);
	return 0;
}
