/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/keyfile.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "lib/os/file.h"

#define KEYFILE_MAX (64 << 10)

int keyfile_no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

/* Checked on the open file, so that nobody can exchange it between check and read. */
static int keyfile_open(const char *path, FILE **ret, struct weir_err *err)
{
	weir_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	FILE *f;

	if (fd < 0 || fstat(fd, &st))
		return weir_err_set(err, -errno, "%s: cannot open: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > KEYFILE_MAX)
		return weir_err_set(err, -EBADMSG, "%s: is not a private key in PEM", path);
	/* Its group may read it: that is how a program with a user of its own does. */
	if (st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO))
		return weir_err_set(err, -EPERM,
				    "%s: others may access this private key, or its group write it (mode %04o); "
				    "run chmod 600 or 640", path, (unsigned int)st.st_mode & 07777);
	f = fdopen(fd, "r");
	if (!f)
		return -errno;
	weir_take_fd(&fd);
	*ret = f;
	return 0;
}

int keyfile_load(const char *path, EVP_PKEY **ret, struct weir_err *err)
{
	weir_auto_fclose FILE *f = NULL;
	EVP_PKEY *key;
	int r;

	r = keyfile_open(path, &f, err);
	if (r)
		return r;
	key = PEM_read_PrivateKey(f, NULL, keyfile_no_passphrase, NULL);
	ERR_clear_error();
	if (!key)
		return weir_err_set(err, -EBADMSG, "%s: is not an unencrypted private key in PEM",
				    path);
	*ret = key;
	return 0;
}

int keyfile_save(const EVP_PKEY *key, const char *path, struct weir_err *err)
{
	/* Secure memory BIO: its content is wiped when freed. */
	auto_bio *bio = BIO_new(BIO_s_secmem());
	char *data;
	long len;
	int r;

	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return weir_err_set(err, -ENOMEM, "%s: cannot encode the key", path);
	len = BIO_get_mem_data(bio, &data);
	r = weir_file_create(path, data, (size_t)len, 0600);
	if (r)
		return weir_err_set(err, r, "%s: cannot write: %s", path, strerror(-r));
	return 0;
}
