/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/models.h"

#include "lib/base/log.h"
#include "lib/model/shelf.h"

#include <libgen.h>

static void on_note(const char *line, void *arg)
{
	(void)arg;
	weir_log(WEIR_LOG_WARN, "models: %s", line);
}

/* Beside the store, unless a directory is named. */
static char *dir_of(const struct config *c)
{
	weir_auto_free char *copy = *c->models_dir ? NULL : strdup(c->store_path);

	if (*c->models_dir)
		return strdup(c->models_dir);
	return copy ? weir_strf("%s/models", dirname(copy)) : NULL;
}

int models_open(struct service *sv, struct weir_err *err)
{
	weir_auto_free char *dir = dir_of(&sv->config);

	return dir ? weir_shelf_open(dir, on_note, NULL, &sv->shelf, err) : -ENOMEM;
}
