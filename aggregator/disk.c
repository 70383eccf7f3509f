/* SPDX-License-Identifier: Apache-2.0 */
/* How much the store takes, and how much it may still take. */
#include "aggregator/service.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

uint64_t service_store_bytes(const struct service *sv)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	uint64_t sum = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(suffixes); i++) {
		weir_auto_free char *path = weir_strf("%s%s", sv->config.store_path, suffixes[i]);
		struct stat st;

		if (path && !stat(path, &st))
			sum += (uint64_t)st.st_size;
	}
	return sum;
}

void service_store_room(const struct service *sv, uint64_t *ret_free_bytes, uint64_t *ret_size_bytes)
{
	struct statvfs fs;

	if (statvfs(sv->config.store_path, &fs))
		return;
	*ret_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	*ret_size_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
}
