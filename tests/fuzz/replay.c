/* SPDX-License-Identifier: Apache-2.0 */
/* Without libFuzzer: feeds each file that is named to the harness; one that hangs ends the program. */
#include "tests/fuzz/fuzz.h"

#include "lib/os/file.h"

#define INPUT_MAX ((size_t)4 << 20)
#define INPUT_SECONDS 20 /* with sanitizers, on a machine that others use too */

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		weir_auto_free char *data = NULL;
		weir_auto_free uint8_t *input = NULL;
		size_t len;

		/* What ends the program is the fault of the last one named. */
		printf("# %s\n", argv[i]);
		fflush(stdout);
		if (weir_file_read(argv[i], INPUT_MAX, &data, &len)) {
			printf("not ok replay: %s cannot be read\n", argv[i]);
			return 1;
		}
		/* Of exactly its length, or reading behind it would go unseen. */
		input = malloc(len ? len : 1);
		MUST(input);
		memcpy(input, data, len);
		alarm(INPUT_SECONDS);
		LLVMFuzzerTestOneInput(input, len);
	}
	return argc < 2;
}
