/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/watch.h"

#include <assert.h>
#include <sys/stat.h>

/* FNV-1a; what is hashed is not an enemy's. */
static uint64_t mix(uint64_t h, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		h = (h ^ (v >> (8 * i) & 0xff)) * 1099511628211ull;
	return h;
}

static uint64_t print(const struct weir_watch *w)
{
	uint64_t h = 14695981039346656037ull;

	for (size_t i = 0; i < w->count; i++) {
		struct stat st;

		if (stat(w->path[i], &st)) {
			h = mix(h, (uint64_t)errno);
			continue;
		}
		h = mix(h, st.st_dev);
		h = mix(h, st.st_ino);
		h = mix(h, (uint64_t)st.st_size);
		h = mix(h, (uint64_t)st.st_mtim.tv_sec * 1000000000ull + (uint64_t)st.st_mtim.tv_nsec);
		h = mix(h, (uint64_t)st.st_ctim.tv_sec * 1000000000ull + (uint64_t)st.st_ctim.tv_nsec);
	}
	return h;
}

void weir_watch_init(struct weir_watch *w, const char *const *paths, size_t n)
{
	*w = (struct weir_watch){0};
	for (size_t i = 0; i < n; i++) {
		if (!paths[i] || !*paths[i])
			continue;
		assert(w->count < WEIR_WATCH_MAX);
		w->path[w->count++] = paths[i];
	}
	w->seen = w->taken = print(w);
}

bool weir_watch_moved(struct weir_watch *w, bool at_once)
{
	uint64_t now = print(w);
	bool moved = (at_once || now == w->seen) && now != w->taken;

	w->seen = now;
	if (moved)
		w->taken = now;
	return moved;
}
