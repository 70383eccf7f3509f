/* SPDX-License-Identifier: Apache-2.0 */
/* Units of a bill: blocks of units, and which of them are bytes. */
#include "lib/money/bill_impl.h"

#include <strings.h>

#define BLOCK_MAX 1000000000

static const struct {
	const char *name;
	uint64_t bytes;	 /* as the name says */
	uint64_t binary; /* what some providers mean by it, 0: the same */
} units[] = {
	{"B", 1, 0},
	{"Byte", 1, 0},
	{"Bytes", 1, 0},
	{"KB", 1000, 1ULL << 10},
	{"MB", 1000000, 1ULL << 20},
	{"GB", 1000000000, 1ULL << 30},
	{"TB", 1000000000000, 1ULL << 40},
	{"PB", 1000000000000000, 1ULL << 50},
	{"KiB", 1ULL << 10, 0},
	{"MiB", 1ULL << 20, 0},
	{"GiB", 1ULL << 30, 0},
	{"TiB", 1ULL << 40, 0},
	{"PiB", 1ULL << 50, 0},
	{"kibibyte", 1ULL << 10, 0},
	{"mebibyte", 1ULL << 20, 0},
	{"gibibyte", 1ULL << 30, 0},
	{"tebibyte", 1ULL << 40, 0},
	{"pebibyte", 1ULL << 50, 0},
	{"Gigabyte", 1000000000, 1ULL << 30},
	{"Gigabytes", 1000000000, 1ULL << 30},
	{"Terabytes", 1000000000000, 1ULL << 40},
};

/* These write GB and mean 2^30; of others, Microsoft among them (policies/prices/azure.yaml), a unit is what FOCUS says
 * that it is. */
static bool means_binary(const char *provider)
{
	static const char *const prefixes[] = {"AWS", "Amazon", "Google"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(prefixes); i++)
		if (!strncasecmp(provider, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

/* "100 ", "10K", "1M " in front; 1 where there is none. */
static uint64_t block_read(const char **text)
{
	const char *p = *text;
	uint64_t v = 0;

	while (*p >= '0' && *p <= '9' && v < BLOCK_MAX)
		v = v * 10 + (uint64_t)(*p++ - '0');
	if (p == *text || !v || v > BLOCK_MAX)
		return 1;
	if ((*p == 'K' || *p == 'M') && (p[1] == '\0' || p[1] == ' ' || p[1] == '/'))
		v *= *p++ == 'K' ? 1000 : 1000000;
	/* "1st tier" is a name. */
	if (*p && *p != ' ' && *p != '/')
		return 1;
	while (*p == ' ')
		p++;
	*text = p;
	return v;
}

struct bill_unit bill_unit_of(const char *text, const char *provider)
{
	struct bill_unit u = {.name = text};

	u.block = block_read(&u.name);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(units); i++)
		if ((*u.name | 0x20) == (*units[i].name | 0x20) && !strcasecmp(u.name, units[i].name))
			u.multiple = units[i].binary && means_binary(provider) ? units[i].binary : units[i].bytes;
	if (!*u.name)
		u.name = "Units";
	return u;
}
