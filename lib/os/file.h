/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded reads, atomic durable writes, directories. */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include "lib/base/base.h"

/* Whole file, NUL-terminated behind the end. -EFBIG when larger than max. Caller frees. */
int weir_file_read(const char *path, size_t max, char **ret_data, size_t *ret_len);
int weir_file_read_at(int dirfd, const char *name, size_t max, char **ret_data, size_t *ret_len);
/* Temporary file in the same directory, fsync, rename, fsync of the directory; of root's it takes the owner. */
int weir_file_write(const char *path, const void *data, size_t len, unsigned int mode);
/* The same, but never replaces: -EEXIST. */
int weir_file_create(const char *path, const void *data, size_t len, unsigned int mode);
int weir_mkdir_p(const char *path, unsigned int mode);
/* Regular files of a directory whose name ends in suffix (NULL = all), sorted bytewise, names only;
 * dot files are skipped. NULL-terminated array; free with weir_strv_free. -E2BIG beyond max. */
int weir_dir_list(int dirfd, const char *suffix, size_t max, char ***ret);
void weir_strv_free(char **v);
static inline void weir_strv_freep(char ***v)
{
	weir_strv_free(*v);
}
#define weir_auto_strv weir_cleanup(weir_strv_freep)

/* Mount point of the cgroup v2 hierarchy, from /proc/self/mountinfo; -ENOENT. Caller frees. */
int weir_cgroup2_mount(char **ret);
/* cgroup id (inode / file handle) of a cgroup directory. */
int weir_cgroup_id(const char *path, uint64_t *ret);
/* 16 bytes of /proc/sys/kernel/random/boot_id. */
int weir_boot_id(uint8_t ret[16]);

#endif
