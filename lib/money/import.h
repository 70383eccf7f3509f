/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds topology documents from what providers' tools print:
 *   terraform   terraform show -json, of a state or a plan: resources of aws, azurerm and google
 *   aws         aws ec2 describe-*, aws elbv2 describe-*, aws elb describe-load-balancers
 *   azure       az network vnet | route-table | nat gateway | lb | private-endpoint | vnet-gateway list
 * Files are told apart by content and may be given in any order. The same files give the same bytes.
 *
 * What cannot be placed is a note. A route whose target is not known stays in the topology as `local`, so
 * that its bytes are of path unknown; left out, a wider route would claim them.
 */
#ifndef WEIR_IMPORT_H
#define WEIR_IMPORT_H

#include "lib/base/base.h"

enum weir_import_from { WEIR_IMPORT_TERRAFORM, WEIR_IMPORT_AWS, WEIR_IMPORT_AZURE, WEIR_IMPORT_FROMS };
const char *weir_import_from_name(enum weir_import_from f);

#define WEIR_IMPORT_MAX (256u << 20) /* bytes of one file */

struct weir_import;
/* note gets one line for each thing that cannot be placed, without a newline. */
int weir_import_new(enum weir_import_from from, void (*note)(const char *line, void *arg), void *arg,
		    struct weir_import **ret);
void weir_import_free(struct weir_import *m);
/* One file; name is used in messages. -EINVAL with a line when it is no JSON. */
int weir_import_add(struct weir_import *m, const char *name, const char *data, size_t len, struct weir_err *err);
/* The same of a file of any tool, told by its content, whatever the import is from. */
int weir_import_add_any(struct weir_import *m, const char *name, const char *data, size_t len, struct weir_err *err);
/* What a plan of Terraform begins with: its prior_state. */
int weir_import_add_prior(struct weir_import *m, const char *name, const char *data, size_t len, struct weir_err *err);
/* The documents as text, owned by the caller, after the strict parser has taken them. -ENODATA: no network. */
int weir_import_write(struct weir_import *m, char **ret, struct weir_err *err);

#endif
