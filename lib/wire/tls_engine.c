/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL under nng's TLS streams, by nng's interface for engines (nng/supplemental/tls/engine.h). The mbed TLS that Debian
 * builds nng with speaks TLS 1.2 alone, prefers ChaCha20 where the processor has AES, and takes ten times as long for a
 * handshake. Bytes come and go through nng: a BIO asks it, and says "again" where it has none yet. nng holds the
 * connection's lock in all functions of a connection; a configuration is not changed once a connection has it.
 */
#include "lib/wire/tls_engine.h"

#include <nng/supplemental/tls/engine.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

/* nng holds 16,384 bytes that go out: a whole record is to fit, else each is sent in two steps. */
#define RECORD_MAX (16384 - 64)

struct nng_tls_engine_config {
	SSL_CTX *ctx;
	char *server_name;
};

struct nng_tls_engine_conn {
	SSL *ssl;
	bool broken; /* nothing more may be said */
};

static BIO_METHOD *nng_bio; /* how a connection reads and writes; made once */

static int bio_write(BIO *bio, const char *data, int len)
{
	size_t n = (size_t)len;
	int rv = nng_tls_engine_send(BIO_get_data(bio), (const uint8_t *)data, &n);

	BIO_clear_retry_flags(bio);
	if (rv == NNG_EAGAIN)
		BIO_set_retry_write(bio);
	return rv ? -1 : (int)n;
}

static int bio_read(BIO *bio, char *data, int len)
{
	size_t n = (size_t)len;
	int rv = nng_tls_engine_recv(BIO_get_data(bio), (uint8_t *)data, &n);

	BIO_clear_retry_flags(bio);
	if (rv == NNG_EAGAIN)
		BIO_set_retry_read(bio);
	return rv ? -1 : (int)n;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH; /* nng sends at once */
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static bool bio_method(void)
{
	nng_bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nng");
	return nng_bio && BIO_meth_set_write(nng_bio, bio_write) && BIO_meth_set_read(nng_bio, bio_read) &&
	       BIO_meth_set_ctrl(nng_bio, bio_ctrl) && BIO_meth_set_create(nng_bio, bio_create);
}

/* --- a connection --- */

static int conn_init(nng_tls_engine_conn *c, void *tls, nng_tls_engine_config *config)
{
	BIO *bio;

	c->ssl = SSL_new(config->ctx);
	bio = c->ssl ? BIO_new(nng_bio) : NULL;
	if (!bio)
		return NNG_ENOMEM; /* conn_fini follows */
	BIO_set_data(bio, tls);
	SSL_set_bio(c->ssl, bio, bio);
	if (SSL_is_server(c->ssl)) {
		SSL_set_accept_state(c->ssl);
		return 0;
	}
	SSL_set_connect_state(c->ssl);
	if (!config->server_name || !SSL_set1_host(c->ssl, config->server_name) ||
	    !SSL_set_tlsext_host_name(c->ssl, config->server_name))
		return NNG_EINVAL;
	return 0;
}

/* Also of one that was never begun. */
static void conn_fini(nng_tls_engine_conn *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
}

static void conn_close(nng_tls_engine_conn *c)
{
	if (c->ssl && !c->broken && SSL_is_init_finished(c->ssl))
		(void)SSL_shutdown(c->ssl); /* nobody waits for the answer */
	ERR_clear_error();
}

/* What an operation that did not succeed means to nng. */
static int failed(nng_tls_engine_conn *c, int result)
{
	int why = SSL_get_error(c->ssl, result);

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return NNG_EAGAIN;
	c->broken = true;
	ERR_clear_error();
	if (why == SSL_ERROR_ZERO_RETURN || why == SSL_ERROR_SYSCALL)
		return NNG_ECLOSED;
	return SSL_get_verify_result(c->ssl) == X509_V_OK ? NNG_ECRYPTO : NNG_EPEERAUTH;
}

static int conn_handshake(nng_tls_engine_conn *c)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(c->ssl);
	return r == 1 ? 0 : failed(c, r);
}

static int conn_recv(nng_tls_engine_conn *c, uint8_t *data, size_t *len)
{
	size_t n;
	int r;

	ERR_clear_error();
	r = SSL_read_ex(c->ssl, data, *len, &n);
	if (r != 1)
		return failed(c, r);
	*len = n;
	return 0;
}

static int conn_send(nng_tls_engine_conn *c, const uint8_t *data, size_t *len)
{
	size_t n;
	int r;

	ERR_clear_error();
	r = SSL_write_ex(c->ssl, data, *len, &n);
	if (r != 1)
		return failed(c, r);
	*len = n;
	return 0;
}

static bool conn_verified(nng_tls_engine_conn *c)
{
	return SSL_get_verify_result(c->ssl) == X509_V_OK;
}

/* --- a configuration --- */

/* An authority that has published no revocation list has revoked nobody; one whose list has expired is refused. */
static int on_verify(int ok, X509_STORE_CTX *store)
{
	if (!ok && X509_STORE_CTX_get_error(store) == X509_V_ERR_UNABLE_TO_GET_CRL) {
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 1;
	}
	return ok;
}

static int config_version(nng_tls_engine_config *c, nng_tls_version min, nng_tls_version max)
{
	static const int versions[] = {
		[NNG_TLS_1_2 - NNG_TLS_1_0] = TLS1_2_VERSION,
		[NNG_TLS_1_3 - NNG_TLS_1_0] = TLS1_3_VERSION,
	};

	if (min > max || min < NNG_TLS_1_2 || max > NNG_TLS_1_3)
		return NNG_ENOTSUP;
	return SSL_CTX_set_min_proto_version(c->ctx, versions[min - NNG_TLS_1_0]) &&
			       SSL_CTX_set_max_proto_version(c->ctx, versions[max - NNG_TLS_1_0]) ? 0 : NNG_ENOTSUP;
}

static void config_fini(nng_tls_engine_config *c)
{
	SSL_CTX_free(c->ctx);
	free(c->server_name);
}

static int config_init(nng_tls_engine_config *c, nng_tls_mode mode)
{
	c->ctx = SSL_CTX_new(mode == NNG_TLS_MODE_SERVER ? TLS_server_method() : TLS_client_method());
	if (!c->ctx)
		return NNG_ENOMEM;
	/* AES where the peer's processor has it, else it asks for ChaCha20 first. No session is resumed: each handshake
	 * looks at certificate and revocation list. */
	SSL_CTX_set_options(c->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION |
					    SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_clear_mode(c->ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	if (!SSL_CTX_set_max_send_fragment(c->ctx, RECORD_MAX) || !SSL_CTX_set_num_tickets(c->ctx, 0) ||
	    !SSL_CTX_set_cipher_list(c->ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") ||
	    !SSL_CTX_set_ciphersuites(c->ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") ||
	    config_version(c, NNG_TLS_1_2, NNG_TLS_1_3)) {
		config_fini(c);
		return NNG_ECRYPTO;
	}
	return 0;
}

static int config_server(nng_tls_engine_config *c, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return NNG_ENOMEM;
	free(c->server_name);
	c->server_name = copy;
	return 0;
}

/* Both ends verify, always: nothing less can be configured. */
static int config_auth(nng_tls_engine_config *c, nng_tls_auth_mode mode)
{
	(void)c;
	return mode == NNG_TLS_AUTH_MODE_REQUIRED ? 0 : NNG_ENOTSUP;
}

static int no_password(char *buf, int size, int for_writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)for_writing;
	(void)arg;
	return 0;
}

/* Each certificate of a PEM text to fn, which does not keep it; at least one. */
static int each_certificate(const char *pem, int (*fn)(SSL_CTX *ctx, X509 *x, size_t i), SSL_CTX *ctx)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	size_t n = 0;
	X509 *x;
	int rv = bio ? 0 : NNG_ENOMEM;

	while (!rv && (x = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
		rv = fn(ctx, x, n++);
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	return rv ? rv : n ? 0 : NNG_ECRYPTO;
}

static int add_authority(SSL_CTX *ctx, X509 *x, size_t i)
{
	(void)i;
	return X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x) && SSL_CTX_add_client_CA(ctx, x) ? 0 : NNG_ECRYPTO;
}

static int add_own(SSL_CTX *ctx, X509 *x, size_t i)
{
	return (i ? SSL_CTX_add1_chain_cert(ctx, x) : SSL_CTX_use_certificate(ctx, x)) == 1 ? 0 : NNG_ECRYPTO;
}

static int config_ca_chain(nng_tls_engine_config *c, const char *certificates, const char *crl)
{
	BIO *bio = crl ? BIO_new_mem_buf(crl, -1) : NULL;
	X509_STORE *store = SSL_CTX_get_cert_store(c->ctx);
	int rv = crl && !bio ? NNG_ENOMEM : each_certificate(certificates, add_authority, c->ctx);
	size_t lists = 0;
	X509_CRL *list;

	while (!rv && bio && (list = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL))) {
		rv = X509_STORE_add_crl(store, list) ? 0 : NNG_ECRYPTO;
		X509_CRL_free(list);
		lists++;
	}
	if (!rv && crl && (!lists || !X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK)))
		rv = NNG_ECRYPTO;
	BIO_free(bio);
	ERR_clear_error();
	return rv;
}

static int config_own_cert(nng_tls_engine_config *c, const char *certificates, const char *key, const char *password)
{
	BIO *bio = BIO_new_mem_buf(key, -1);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	int rv = pkey && !password ? each_certificate(certificates, add_own, c->ctx) : NNG_ECRYPTO;

	if (!rv && (SSL_CTX_use_PrivateKey(c->ctx, pkey) != 1 || SSL_CTX_check_private_key(c->ctx) != 1))
		rv = NNG_ECRYPTO;
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	ERR_clear_error();
	return rv;
}

static nng_tls_engine_config_ops config_ops = {
	.size = sizeof(nng_tls_engine_config),
	.init = config_init,
	.fini = config_fini,
	.server = config_server,
	.auth = config_auth,
	.ca_chain = config_ca_chain,
	.own_cert = config_own_cert,
	.version = config_version,
};

static nng_tls_engine_conn_ops conn_ops = {
	.size = sizeof(nng_tls_engine_conn),
	.init = conn_init,
	.fini = conn_fini,
	.close = conn_close,
	.handshake = conn_handshake,
	.recv = conn_recv,
	.send = conn_send,
	.verified = conn_verified,
};

static const nng_tls_engine engine = {
	.version = NNG_TLS_ENGINE_VERSION,
	.config_ops = &config_ops,
	.conn_ops = &conn_ops,
	.name = "openssl",
	.description = OPENSSL_VERSION_TEXT,
};

static int registered;

static void register_once(void)
{
	(void)nng_tls_engine_name(); /* nng puts its own one there when it begins, which is now */
	registered = bio_method() ? nng_tls_engine_register(&engine) : NNG_ENOMEM;
}

int weir_tls_engine(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, register_once);
	return registered;
}
