/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's settings, and the labels file. */
#include "agent/config.h"
#include "agent/labels.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_file f = fuzz_file(data, len);
	struct labels *labels = NULL;
	config_auto struct config c = {0};
	struct weir_err err = {0}, labels_err = {0};

	MUST(config_load(f.path, &c, &err) == 0 || *err.text);
	if (labels_load(f.path, &labels, &labels_err) == 0)
		(void)labels_find(labels, "/kubepods.slice/payments.slice/checkout.service");
	else
		MUST(*labels_err.text);
	labels_free(labels);
	close(f.fd);
	return 0;
}
