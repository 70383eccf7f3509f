/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Program settings: one table of rows gives parsing, defaults, checking and the shipped file. A
 * module owns its table; a program joins them. Keys are "section.key"; the YAML file has one map
 * per section.
 */
#ifndef WEIR_SETTINGS_H
#define WEIR_SETTINGS_H

#include "lib/conf/yaml.h"

enum weir_set_type {
	WEIR_SET_STR,	   /* char *, malloc'ed; default may be "" = none */
	WEIR_SET_STRS,	   /* char **, NULL-terminated, malloc'ed; YAML sequence; default comma-separated */
	WEIR_SET_U32,	   /* uint32_t, min..max */
	WEIR_SET_BOOL,	   /* bool */
	WEIR_SET_ENUM,	   /* uint32_t, index into names */
	WEIR_SET_DURATION, /* uint64_t ns, min..max ns */
	WEIR_SET_SIZE,	   /* uint64_t bytes, min..max */
};

struct weir_setting {
	const char *key; /* "section.name" */
	enum weir_set_type type;
	size_t offset;	 /* into the config struct */
	const char *def; /* as it would stand in YAML */
	uint64_t min, max;
	const char *const *names;
	const char *doc; /* one sentence, printed above the key in the shipped file and the man page */
};

/* conf must be zeroed. Defaults first, then the file (path NULL = defaults only). On failure conf is
 * released. One message: file:line:col path: ... */
int weir_settings_load(const struct weir_setting *table, size_t n, const char *path, void *conf,
		       struct weir_err *err);
void weir_settings_fini(const struct weir_setting *table, size_t n, void *conf);
/* The file with every default written out and each row's sentence as a comment. */
int weir_settings_print(const struct weir_setting *table, size_t n, FILE *f);

#endif
