/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates as OpenSSL's own verifier sees them. */
#include "tests/lib/test.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/os/file.h"
#include "lib/os/x509.h"

struct pki {
	char dir[64];
	char path[6][96]; /* ca cert, ca key, other ca cert, other ca key, leaf cert, leaf key */
};
enum { CA, CA_KEY, OTHER, OTHER_KEY, LEAF, LEAF_KEY };

static void pki_open(struct pki *p)
{
	static const char *const names[] = {"ca", "ca.key", "other", "other.key", "leaf", "leaf.key"};
	struct weir_cert_req req = {.use = WEIR_CERT_CA, .cn = "test ca", .days = 3650,
				    .not_before_s = (uint64_t)time(NULL) - 60};

	snprintf(p->dir, sizeof(p->dir), "/tmp/weir-test-XXXXXX");
	if (!mkdtemp(p->dir))
		abort();
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(names); i++)
		snprintf(p->path[i], sizeof(p->path[i]), "%s/%s", p->dir, names[i]);
	if (weir_cert_issue(&req, NULL, NULL, p->path[CA], p->path[CA_KEY], NULL) ||
	    weir_cert_issue(&req, NULL, NULL, p->path[OTHER], p->path[OTHER_KEY], NULL))
		abort();
}

static void pki_close(struct pki *p)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(p->path); i++)
		unlink(p->path[i]);
	rmdir(p->dir);
}

static X509 *load(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *c = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	return c;
}

/* The verifier's error code, X509_V_OK (0) when the leaf is good for the purpose and the name. */
static int verify(const char *ca_path, const char *leaf_path, int purpose, const char *host,
		  const char *ip)
{
	X509 *ca = load(ca_path), *leaf = load(leaf_path);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int r = -1;

	if (ca && leaf && X509_STORE_add_cert(store, ca) && X509_STORE_CTX_init(ctx, store, leaf, NULL)) {
		param = X509_STORE_CTX_get0_param(ctx);
		X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
		X509_STORE_CTX_set_purpose(ctx, purpose);
		if (host)
			X509_VERIFY_PARAM_set1_host(param, host, 0);
		if (ip)
			X509_VERIFY_PARAM_set1_ip_asc(param, ip);
		X509_verify_cert(ctx);
		r = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	X509_free(ca);
	X509_free(leaf);
	return r;
}

static int issue(struct pki *p, enum weir_cert_use use, const char *cn, const char *const *alt,
		 struct weir_err *err)
{
	struct weir_cert_req req = {.use = use, .cn = cn, .alt_names = alt, .days = 30,
				    .not_before_s = (uint64_t)time(NULL) - 60};

	memset(err, 0, sizeof(*err));
	return weir_cert_issue(&req, p->path[CA], p->path[CA_KEY], p->path[LEAF], p->path[LEAF_KEY],
			       err);
}

TEST(server_certificate)
{
	static const char *const alt[] = {"weir.example", "192.0.2.7", "2001:db8::7", NULL};
	struct weir_err err;
	struct stat st;
	struct pki p;

	pki_open(&p);
	CHECK(issue(&p, WEIR_CERT_SERVER, "aggregator.local", alt, &err) == 0, "%s", err.text);
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_SERVER, "aggregator.local", NULL) == 0,
	      "its CN is one of its names");
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_SERVER, "weir.example", NULL) == 0);
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_SERVER, NULL, "192.0.2.7") == 0);
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_SERVER, NULL, "2001:db8::7") == 0);
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_SERVER, "192.0.2.7", NULL) ==
	      X509_V_ERR_HOSTNAME_MISMATCH, "an address is not a DNS name");
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_SERVER, "other.example", NULL) ==
	      X509_V_ERR_HOSTNAME_MISMATCH);
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_CLIENT, NULL, NULL) ==
	      X509_V_ERR_INVALID_PURPOSE);
	CHECK(verify(p.path[OTHER], p.path[LEAF], X509_PURPOSE_SSL_SERVER, NULL, NULL) != 0,
	      "an authority of the same name but another key");
	CHECK(stat(p.path[LEAF], &st) == 0 && (st.st_mode & 07777) == 0644, "%o", st.st_mode);
	CHECK(stat(p.path[LEAF_KEY], &st) == 0 && (st.st_mode & 07777) == 0600, "%o", st.st_mode);
	pki_close(&p);
}

TEST(client_certificate)
{
	struct weir_err err;
	struct pki p;
	X509 *c;

	pki_open(&p);
	CHECK(issue(&p, WEIR_CERT_CLIENT, "node 1", NULL, &err) == 0, "%s", err.text);
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_CLIENT, NULL, NULL) == 0);
	CHECK(verify(p.path[CA], p.path[LEAF], X509_PURPOSE_SSL_SERVER, NULL, NULL) ==
	      X509_V_ERR_INVALID_PURPOSE);
	c = load(p.path[LEAF]);
	CHECK(X509_check_ca(c) == 0, "a leaf signs nothing");
	CHECK(X509_get_version(c) == X509_VERSION_3);
	CHECK(EVP_PKEY_get_bits(X509_get0_pubkey(c)) == 256);
	X509_free(c);
	c = load(p.path[CA]);
	CHECK(X509_check_ca(c) == 1);
	CHECK(X509_get_pathlen(c) == 0, "%ld", X509_get_pathlen(c));
	X509_free(c);
	pki_close(&p);
}

TEST(issue_refuses)
{
	static const char *const bad_alt[] = {"a,DNS:b", NULL};
	struct weir_cert_req req = {.use = WEIR_CERT_CLIENT, .cn = "x", .days = 1};
	struct weir_err err = {{0}};
	char long_cn[70] = "";
	struct pki p;

	pki_open(&p);
	memset(long_cn, 'a', 65);
	CHECK(issue(&p, WEIR_CERT_SERVER, "ok", bad_alt, &err) == -EINVAL);
	CHECK(strstr(err.text, "a,DNS:b"), "%s", err.text);
	CHECK(issue(&p, WEIR_CERT_SERVER, "not a host", NULL, &err) == -EINVAL);
	CHECK(issue(&p, WEIR_CERT_CLIENT, "", NULL, &err) == -EINVAL);
	CHECK(issue(&p, WEIR_CERT_CLIENT, "line\nbreak", NULL, &err) == -EINVAL);
	CHECK(issue(&p, WEIR_CERT_CLIENT, long_cn, NULL, &err) == -EINVAL);
	CHECK(issue(&p, WEIR_CERT_CA, "x", NULL, &err) == -EINVAL, "an authority under another");
	CHECK(weir_cert_issue(&req, NULL, NULL, p.path[LEAF], p.path[LEAF_KEY], NULL) == -EINVAL,
	      "a leaf without an authority");
	CHECK(weir_cert_issue(&req, p.path[CA], p.path[OTHER_KEY], p.path[LEAF], p.path[LEAF_KEY],
			      NULL) == -EINVAL, "the key of another authority");
	req.days = 0;
	CHECK(weir_cert_issue(&req, p.path[CA], p.path[CA_KEY], p.path[LEAF], p.path[LEAF_KEY],
			      NULL) == -EINVAL);
	CHECK(access(p.path[LEAF], F_OK) && access(p.path[LEAF_KEY], F_OK), "nothing was written");
	pki_close(&p);
}

TEST(issue_never_overwrites)
{
	weir_auto_free char *before = NULL;
	weir_auto_free char *after = NULL;
	struct weir_err err;
	struct pki p;
	size_t len;

	pki_open(&p);
	CHECK(issue(&p, WEIR_CERT_CLIENT, "first", NULL, &err) == 0, "%s", err.text);
	weir_file_read(p.path[LEAF_KEY], 4096, &before, &len);
	CHECK(issue(&p, WEIR_CERT_CLIENT, "second", NULL, &err) == -EEXIST);
	weir_file_read(p.path[LEAF_KEY], 4096, &after, &len);
	CHECK(before && after && strcmp(before, after) == 0, "the key is the first one's");
	unlink(p.path[LEAF_KEY]);
	CHECK(issue(&p, WEIR_CERT_CLIENT, "third", NULL, &err) == -EEXIST);
	CHECK(access(p.path[LEAF_KEY], F_OK), "no key is left without its certificate");
	pki_close(&p);
}

TEST(info_round_trip)
{
	struct weir_cert_req req = {.use = WEIR_CERT_CLIENT, .cn = "n\xc3\xb6""de-1", .days = 400,
				    .not_before_s = 1763943833};
	uint64_t expires = 7;
	struct weir_err err = {{0}};
	char cn[16];
	struct pki p;

	pki_open(&p);
	CHECK(weir_cert_issue(&req, p.path[CA], p.path[CA_KEY], p.path[LEAF], p.path[LEAF_KEY],
			      &err) == 0, "%s", err.text);
	CHECK(weir_cert_info(p.path[CA_KEY], &expires, cn, sizeof(cn), NULL) == -EBADMSG);
	CHECK(expires == 7, "a failure leaves the result alone");
	CHECK(weir_cert_info(p.path[LEAF], &expires, cn, sizeof(cn), &err) == 0, "%s", err.text);
	CHECK(expires == 1763943833 + 400 * 86400ull, "%llu", (unsigned long long)expires);
	CHECK(strcmp(cn, req.cn) == 0, "%s", cn);
	CHECK(weir_cert_info(p.path[LEAF], &expires, cn, 4, NULL) == -ENAMETOOLONG);
	pki_close(&p);
}

TEST(a_successor_has_use_and_names)
{
	static const char *const alt[] = {"weir.example", "192.0.2.7", NULL};
	char serial[2][2 * WEIR_CERT_SERIAL_MAX + 1];
	weir_auto_free char *cert = NULL, *key = NULL;
	struct weir_err err;
	struct pki p;

	pki_open(&p);
	cert = weir_strf("%s.next", p.path[LEAF]);
	key = weir_strf("%s.next", p.path[LEAF_KEY]);
	CHECK(issue(&p, WEIR_CERT_SERVER, "aggregator.local", alt, &err) == 0, "%s", err.text);
	CHECK(weir_cert_from(p.path[LEAF], p.path[CA], NULL) == 1 && weir_cert_from(p.path[LEAF], p.path[OTHER], NULL) == 0);
	CHECK(weir_cert_reissue(p.path[LEAF], (uint64_t)time(NULL) - 60, 9, p.path[OTHER], p.path[OTHER_KEY], cert, key,
				&err) == 0, "%s", err.text);
	CHECK(verify(p.path[OTHER], cert, X509_PURPOSE_SSL_SERVER, "aggregator.local", NULL) == 0);
	CHECK(verify(p.path[OTHER], cert, X509_PURPOSE_SSL_SERVER, "weir.example", NULL) == 0);
	CHECK(verify(p.path[OTHER], cert, X509_PURPOSE_SSL_SERVER, NULL, "192.0.2.7") == 0);
	CHECK(weir_cert_from(cert, p.path[OTHER], NULL) == 1);
	CHECK(!weir_cert_serial(p.path[LEAF], serial[0], NULL) && !weir_cert_serial(cert, serial[1], NULL) &&
	      strcmp(serial[0], serial[1]));
	CHECK(weir_cert_reissue(p.path[CA], 1, 9, p.path[CA], p.path[CA_KEY], cert, key, NULL) == -EINVAL,
	      "an authority has no successor of its name");
	unlink(cert);
	unlink(key);
	pki_close(&p);
}

TEST_MAIN(T(server_certificate), T(client_certificate), T(issue_refuses), T(issue_never_overwrites),
	  T(info_round_trip), T(a_successor_has_use_and_names))
