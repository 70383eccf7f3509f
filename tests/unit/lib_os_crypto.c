/* SPDX-License-Identifier: Apache-2.0 */
/* Golden values: RFC 8032 section 7.1 (Ed25519), FIPS 180-2 appendix B (SHA-256), RFC 4648 section 10. */
#include "tests/lib/test.h"

#include <sys/stat.h>

#include "lib/os/crypto.h"
#include "lib/os/file.h"

static const char *temp_dir(char *buf, size_t size)
{
	snprintf(buf, size, "/tmp/weir-test-XXXXXX");
	return mkdtemp(buf);
}

TEST(sha256_vectors)
{
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t d[WEIR_SHA256_LEN];
	struct weir_sha256 *h = NULL;
	char s[65];

	CHECK(weir_sha256("abc", 3, d) == 0);
	CHECK(strcmp(weir_hex(d, 32, s),
		     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0, "%s", s);
	CHECK(weir_sha256_new(&h) == 0);
	CHECK(weir_sha256_add(h, two_blocks, 20) == 0);
	CHECK(weir_sha256_add(h, two_blocks + 20, 36) == 0);
	CHECK(weir_sha256_end(h, d) == 0);
	CHECK(strcmp(weir_hex(d, 32, s),
		     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1") == 0, "%s", s);
	weir_sha256_free(h);
}

/* Writes seed as PKCS#8 (RFC 8410: a fixed head and the 32 bytes) in PEM. */
static int write_seed(const char *path, const char *seed_hex, unsigned int mode)
{
	uint8_t der[48] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
			   0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20};
	weir_auto_free char *base64 = NULL;
	weir_auto_free char *pem = NULL;

	if (weir_unhex(seed_hex, der + 16, 32) || weir_base64(der, sizeof(der), &base64))
		return -EINVAL;
	pem = weir_strf("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", base64);
	return weir_file_write(path, pem, strlen(pem), mode);
}

TEST(ed25519_rfc8032_test_2)
{
	char dir[64], s[129];
	uint8_t pub[WEIR_KEY_LEN], sig[WEIR_SIG_LEN];
	weir_auto_free char *path = weir_strf("%s/key", temp_dir(dir, sizeof(dir)));
	struct weir_key *k = NULL;
	struct weir_err err = {{0}};

	CHECK(write_seed(path, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
			 0600) == 0);
	CHECK(weir_key_load(path, &k, &err) == 0, "%s", err.text);
	CHECK(weir_key_public(k, pub) == 0);
	CHECK(strcmp(weir_hex(pub, 32, s),
		     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c") == 0, "%s", s);
	CHECK(weir_key_sign(k, "\x72", 1, sig) == 0);
	CHECK(strcmp(weir_hex(sig, 64, s),
		     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
		     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00") == 0, "%s", s);
	CHECK(weir_sig_verify(pub, "\x72", 1, sig) == 0);
	CHECK(weir_sig_verify(pub, "\x73", 1, sig) == -EBADMSG, "another message");
	sig[40] ^= 1;
	CHECK(weir_sig_verify(pub, "\x72", 1, sig) == -EBADMSG, "another signature");
	sig[40] ^= 1;
	pub[0] ^= 1;
	CHECK(weir_sig_verify(pub, "\x72", 1, sig) == -EBADMSG, "another key");
	weir_key_free(k);
	unlink(path);
	rmdir(dir);
}

TEST(key_file)
{
	char dir[64];
	uint8_t a[WEIR_KEY_LEN], b[WEIR_KEY_LEN];
	weir_auto_free char *path = weir_strf("%s/key", temp_dir(dir, sizeof(dir)));
	struct weir_key *k = NULL, *loaded = NULL;
	struct weir_err err = {{0}};
	struct stat st;

	CHECK(weir_key_new(&k) == 0);
	CHECK(weir_key_save(k, path, &err) == 0, "%s", err.text);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600, "%o", st.st_mode);
	CHECK(weir_key_load(path, &loaded, &err) == 0, "%s", err.text);
	CHECK(weir_key_public(k, a) == 0 && weir_key_public(loaded, b) == 0);
	CHECK(memcmp(a, b, sizeof(a)) == 0, "the same key comes back");
	CHECK(weir_key_save(k, path, &err) == -EEXIST, "a key is never overwritten");
	weir_key_free(loaded);
	loaded = NULL;
	chmod(path, 0660);
	memset(&err, 0, sizeof(err));
	CHECK(weir_key_load(path, &loaded, &err) == -EPERM, "readable by the group");
	CHECK(strstr(err.text, path) && strstr(err.text, "0660"), "%s", err.text);
	CHECK(weir_file_write(path, "nonsense", 8, 0600) == 0);
	CHECK(weir_key_load(path, &loaded, NULL) == -EBADMSG);
	unlink(path);
	CHECK(weir_key_load(path, &loaded, NULL) == -ENOENT);
	CHECK(!loaded, "a failure leaves the result alone");
	weir_key_free(k);
	rmdir(dir);
}

TEST(public_key_text)
{
	uint8_t pub[WEIR_KEY_LEN], back[WEIR_KEY_LEN];
	char s[56], id[17];

	for (size_t i = 0; i < sizeof(pub); i++)
		pub[i] = (uint8_t)(i * 9);
	CHECK(strlen(weir_pub_text(pub, s)) == 52, "%s", s);
	CHECK(weir_pub_parse(s, back) == 0 && memcmp(pub, back, 32) == 0, "%s", s);
	s[51] = '\0';
	CHECK(weir_pub_parse(s, back) == 0, "padding may be left out");
	s[50] = '\0';
	CHECK(weir_pub_parse(s, back) == -EINVAL, "too short");
	CHECK(weir_pub_parse("ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", back) == -EINVAL,
	      "33 bytes");
	CHECK(weir_pub_parse("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", back) == -EINVAL,
	      "without its algorithm");
	memset(pub, 0, sizeof(pub));
	/* head -c 32 /dev/zero | sha256sum */
	CHECK(strcmp(weir_pub_id(pub, id), "66687aadf862bd77") == 0, "%s", id);
}

TEST(hex)
{
	uint8_t b[2] = {7, 7};

	CHECK(weir_unhex("00fF", b, 2) == 0 && b[0] == 0 && b[1] == 255);
	CHECK(weir_unhex("00f", b, 2) == -EINVAL, "too short");
	CHECK(weir_unhex("00fff", b, 2) == -EINVAL, "too long");
	CHECK(weir_unhex("00fg", b, 2) == -EINVAL, "not hex");
}

TEST(base64_rfc4648_vectors)
{
	static const char *const v[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
					   {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
					   {"foobar", "Zm9vYmFy"}, {"\xfb\xff", "+/8="}};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(v); i++) {
		weir_auto_free char *text = NULL;
		weir_auto_free uint8_t *data = NULL;
		size_t len = 99;

		CHECK(weir_base64(v[i][0], strlen(v[i][0]), &text) == 0);
		CHECK(strcmp(text, v[i][1]) == 0, "%s", text);
		CHECK(weir_unbase64(v[i][1], &data, &len) == 0);
		CHECK(len == strlen(v[i][0]) && !memcmp(data, v[i][0], len), "%s", v[i][1]);
	}
}

TEST(base64_is_strict)
{
	static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg==\n", "Zm9v ", " Zm9", "Zh==", "Zm9=",
					  "====", "Z===", "Zg==Zm9v", "Zm-_", "Zm=v", "=m9v"};
	uint8_t *data = NULL;
	size_t len = 99;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		CHECK(weir_unbase64(bad[i], &data, &len) == -EINVAL, "%s", bad[i]);
	CHECK(!data && len == 99, "a failure leaves the results alone");
}

TEST_MAIN(T(sha256_vectors), T(ed25519_rfc8032_test_2), T(key_file), T(public_key_text), T(hex),
	  T(base64_rfc4648_vectors), T(base64_is_strict))
