/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/policy: kind Settings of weir.yaml into the fields of a repo. */
#ifndef WEIR_REPO_SETTINGS_H
#define WEIR_REPO_SETTINGS_H

#include "lib/policy/repo.h"

int weir_repo_settings(struct weir_repo *repo, struct weir_y *doc, struct weir_err *err);

#endif
