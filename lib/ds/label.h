/* SPDX-License-Identifier: Apache-2.0 */
/* Labels that say which release or replica a pod is, not what it is: hashes of templates and the like. */
#ifndef WEIR_LABEL_H
#define WEIR_LABEL_H

#include "lib/base/base.h"

static inline bool weir_label_passes(const char *key)
{
	static const char *const passing[] = {"pod-template-hash", "controller-revision-hash", "pod-template-generation",
					      "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(passing); i++)
		if (!strcmp(passing[i], key))
			return true;
	return false;
}

#endif
