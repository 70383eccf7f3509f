/* SPDX-License-Identifier: Apache-2.0 */
/* Names of paths: the one list for YAML, JSON, reports and the command line. */
#include "lib/money/topology.h"

static const char *const names[WEIR_PATHS] = {
	[WEIR_PATH_UNKNOWN] = "unknown",
	[WEIR_PATH_SAME_HOST] = "same-host",
	[WEIR_PATH_SAME_ZONE] = "same-zone",
	[WEIR_PATH_CROSS_ZONE] = "cross-zone",
	[WEIR_PATH_CROSS_REGION] = "cross-region",
	[WEIR_PATH_INTERNET] = "internet",
	[WEIR_PATH_NAT] = "nat",
	[WEIR_PATH_LB] = "lb",
	[WEIR_PATH_ENDPOINT] = "endpoint",
	[WEIR_PATH_GATEWAY_ENDPOINT] = "gateway-endpoint",
	[WEIR_PATH_PEERING] = "peering",
	[WEIR_PATH_TGW] = "tgw",
	[WEIR_PATH_VPN] = "vpn",
	[WEIR_PATH_DIRECT] = "direct",
	[WEIR_PATH_CDN] = "cdn",
	[WEIR_PATH_ONPREM] = "onprem",
};

const char *weir_path_name(enum weir_path p)
{
	return (unsigned int)p < WEIR_PATHS ? names[p] : names[WEIR_PATH_UNKNOWN];
}

int weir_path_parse(const char *s, enum weir_path *ret)
{
	for (unsigned int i = 0; i < WEIR_PATHS; i++) {
		if (!strcmp(s, names[i])) {
			*ret = (enum weir_path)i;
			return 0;
		}
	}
	return -EINVAL;
}
