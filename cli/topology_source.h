/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topology for who has no repository yet: what a provider's tool printed, imported on the way, or our own documents.
 *   FILE.yaml, or a directory of such (a repository: its topology/)
 *   any other FILE, or a directory with FILE.json: terraform show -json, aws ... describe-*, az network ... list,
 *   told apart by their content
 */
#ifndef WEIR_CLI_TOPOLOGY_SOURCE_H
#define WEIR_CLI_TOPOLOGY_SOURCE_H

#include "lib/money/topology.h"

#define TOPOLOGY_SOURCE_FILES_MAX 1000

/* Sealed. ranges: files of providers' public prefixes besides, ended by NULL. note: a line for each thing without a place. */
int topology_source_load(const char *path, const char *const *ranges, void (*note)(const char *line, void *arg), void *arg,
			 struct weir_topology **ret, struct weir_err *err);

#endif
