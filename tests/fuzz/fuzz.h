/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A harness is tests/fuzz/OWNER_NOUN.c with the entry that libFuzzer calls for each input; OWNER as in
 * tests/unit. `make check` feeds it the inputs of tests/fuzz/corpus/OWNER_NOUN through replay.c,
 * `make check-long` lets libFuzzer look for new ones (tests/fuzz/run).
 */
#ifndef WEIR_TEST_FUZZ_H
#define WEIR_TEST_FUZZ_H

#include <stdio.h>
#include <sys/mman.h>

#include "lib/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What must hold for every input: libFuzzer and replay.c both keep the input that broke it. */
#define MUST(cond)                                                                     \
	do {                                                                           \
		if (!(cond)) {                                                         \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                       \
		}                                                                      \
	} while (0)

struct fuzz_file {
	int fd;
	char path[40];
};

/* For what reads a file by its path: the input in memory, under a path. */
static inline struct fuzz_file fuzz_file(const uint8_t *data, size_t len)
{
	struct fuzz_file f = {.fd = memfd_create("input", MFD_CLOEXEC)};

	MUST(f.fd >= 0 && write(f.fd, data, len) == (ssize_t)len);
	snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.fd);
	return f;
}

#endif
