/* SPDX-License-Identifier: Apache-2.0 */
/* What FOCUS calls providers, and the services that meters belong to: a service has one subcategory. */
#include "lib/money/focus_export_impl.h"

static const struct {
	const char *provider, *name;
} providers[] = {{"aws", "AWS"}, {"azure", "Microsoft"}, {"gcp", "Google Cloud"}};

#define CONNECTIVITY "Network Connectivity"
#define INFRASTRUCTURE "Network Infrastructure"
#define APPLICATION "Application Networking"
#define SECURITY "Network Security"
#define DELIVERY "Content Delivery"
#define OTHER "Other (Networking)"

/* The first prefix of the meter's name that fits; "" fits all. */
static const struct {
	const char *provider, *meter;
	struct focus_service service;
} services[] = {
	{"aws", "nat-", {"NAT Gateway", CONNECTIVITY}},
	{"aws", "tgw-", {"AWS Transit Gateway", CONNECTIVITY}},
	{"aws", "endpoint", {"AWS PrivateLink", CONNECTIVITY}},
	{"aws", "gateway-endpoint", {"VPC Endpoints", CONNECTIVITY}},
	{"aws", "vpn-", {"AWS VPN", CONNECTIVITY}},
	{"aws", "direct-connect", {"AWS Direct Connect", CONNECTIVITY}},
	{"aws", "alb-", {"Elastic Load Balancing", APPLICATION}},
	{"aws", "nlb-", {"Elastic Load Balancing", APPLICATION}},
	{"aws", "clb-", {"Elastic Load Balancing", APPLICATION}},
	{"aws", "gwlb-", {"Elastic Load Balancing", APPLICATION}},
	{"aws", "lb-", {"Elastic Load Balancing", APPLICATION}},
	{"aws", "cdn-", {"Amazon CloudFront", DELIVERY}},
	{"aws", "global-accelerator", {"AWS Global Accelerator", DELIVERY}},
	{"aws", "firewall", {"AWS Network Firewall", SECURITY}},
	{"aws", "public-ipv4", {"Amazon VPC IP Addresses", INFRASTRUCTURE}},
	{"aws", "", {"AWS Data Transfer", OTHER}},
	{"azure", "nat-", {"NAT Gateway", CONNECTIVITY}},
	{"azure", "endpoint", {"Azure Private Link", CONNECTIVITY}},
	{"azure", "vpn-", {"VPN Gateway", CONNECTIVITY}},
	{"azure", "peering", {"Virtual Network", CONNECTIVITY}},
	{"azure", "lb-", {"Load Balancer", APPLICATION}},
	{"azure", "cdn-", {"Azure Front Door", DELIVERY}},
	{"azure", "firewall", {"Azure Firewall", SECURITY}},
	{"azure", "public-ip", {"IP Addresses", INFRASTRUCTURE}},
	{"azure", "", {"Bandwidth", OTHER}},
	{"gcp", "nat-", {"Cloud NAT", CONNECTIVITY}},
	{"gcp", "endpoint", {"Private Service Connect", CONNECTIVITY}},
	{"gcp", "vpn-", {"Cloud VPN", CONNECTIVITY}},
	{"gcp", "lb-", {"Cloud Load Balancing", APPLICATION}},
	{"gcp", "forwarding-rule", {"Cloud Load Balancing", APPLICATION}},
	{"gcp", "cdn-", {"Cloud CDN", DELIVERY}},
	{"gcp", "public-ip", {"IP Addresses", INFRASTRUCTURE}},
	{"gcp", "", {"Networking", OTHER}},
};

const char *focus_provider(const char *provider)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(providers); i++)
		if (!strcmp(providers[i].provider, provider))
			return providers[i].name;
	return provider;
}

struct focus_service focus_service_of(const char *provider, const char *meter)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(services); i++)
		if (!strcmp(services[i].provider, provider) &&
		    !strncmp(services[i].meter, meter, strlen(services[i].meter)))
			return services[i].service;
	return (struct focus_service){"Network", OTHER};
}
