/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of network transfer a row charges for. AWS' part is the order in which the published CUDOS queries look at
 * CUR lines; bills without usage types are told by their descriptions, which are the price list's own sentences.
 */
#include "lib/money/bill_impl.h"

#include <strings.h>

enum where { USAGE, OPERATION, SERVICE, METER, DESCRIPTION };
static const enum weir_bill_text texts[] = {
	[USAGE] = WEIR_BILL_USAGE_TYPE, [OPERATION] = WEIR_BILL_OPERATION, [SERVICE] = WEIR_BILL_SERVICE,
	[METER] = WEIR_BILL_METER, [DESCRIPTION] = WEIR_BILL_DESCRIPTION,
};

static const struct rule {
	enum where where;
	const char *part; /* stands in the text, whatever its case */
	const char *kind;
} rules[] = {
	{OPERATION, "VPCPeering-", "peering"},
	{USAGE, "AWS-Out-Bytes", "inter-region"},
	{USAGE, "AWS-In-Bytes", "inter-region"},
	{USAGE, "S3RTC", "inter-region"},
	{USAGE, "DataXfer", "direct-connect"},
	{SERVICE, "DirectConnect", "direct-connect"},
	{SERVICE, "Direct Connect", "direct-connect"},
	{SERVICE, "CloudFront", "cdn"},
	{USAGE, "CloudFront-", "cdn"},
	{USAGE, "DataTransfer-xAZ", "inter-zone"},
	{USAGE, "DataTransfer-Regional-Bytes", "inter-zone"},
	{USAGE, "DataTransfer-Out-Bytes", "internet"},
	{USAGE, "DataTransfer-In-Bytes", "internet"},
	{USAGE, "-Out-ABytes", "internet"},
	{USAGE, "-In-ABytes", "internet"},
	{USAGE, "TransitGateway-", "transit-gateway"},
	{USAGE, "NatGateway-", "nat"},
	{USAGE, "VpcEndpoint-", "endpoint"},
	{USAGE, "PublicIPv4:", "public-ip"},
	{USAGE, "LoadBalancerUsage", "load-balancer"},
	{USAGE, "LCUUsage", "load-balancer"},
	{USAGE, "DataProcessing-Bytes", "load-balancer"},
	{USAGE, "VPN-Usage-Hours", "vpn"},
	/* Azure and GCP: the meter says it */
	{METER, "Inter-Availability Zone", "inter-zone"},
	{METER, "Inter Zone", "inter-zone"},
	{METER, "Inter-zone", "inter-zone"},
	{METER, "Inter Region", "inter-region"},
	{METER, "Inter-Region", "inter-region"},
	{METER, "Intra Continent Data Transfer", "inter-region"},
	{METER, "Inter Continent Data Transfer", "inter-region"},
	{METER, "Cloud NAT", "nat"},
	{SERVICE, "NAT Gateway", "nat"},
	{METER, "NatGateway-", "nat"},
	{METER, "Private Endpoint", "endpoint"},
	{SERVICE, "Private Link", "endpoint"},
	{METER, "Peering", "peering"},
	{SERVICE, "Content Delivery Network", "cdn"},
	{METER, "CDN ", "cdn"},
	{SERVICE, "ExpressRoute", "direct-connect"},
	{METER, "Interconnect", "direct-connect"},
	{SERVICE, "VPN Gateway", "vpn"},
	{METER, "VPN", "vpn"},
	{SERVICE, "Load Balanc", "load-balancer"},
	{SERVICE, "Application Gateway", "load-balancer"},
	{METER, "Load Balanc", "load-balancer"},
	{METER, "Forwarding Rule", "load-balancer"},
	{METER, "Public IP", "public-ip"},
	{METER, "Data Transfer Out", "internet"},
	{METER, "Data Transfer In", "internet"},
	{METER, "Internet Egress", "internet"},
	{SERVICE, "Bandwidth", "internet"},
	/* by the sentence, where there is no more */
	{DESCRIPTION, "CloudFront", "cdn"},
	{DESCRIPTION, "regional data transfer", "inter-zone"},
	{DESCRIPTION, "data transfer from", "inter-region"}, /* "US West (Oregon) data transfer from Asia Pacific" */
	{DESCRIPTION, "data transfer to", "inter-region"},
	{DESCRIPTION, "NAT Gateway", "nat"},
	{DESCRIPTION, "VPC Endpoint", "endpoint"},
	{DESCRIPTION, "Transit Gateway", "transit-gateway"},
	{DESCRIPTION, "data transfer out", "internet"},
	{DESCRIPTION, "data transfer in", "internet"},
	{DESCRIPTION, "public IPv4", "public-ip"},
	{DESCRIPTION, "load balancer", "load-balancer"},
	{DESCRIPTION, "LoadBalancer", "load-balancer"},
};

const char *weir_bill_network(const struct weir_bill_row *row)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rules); i++) {
		const char *text = row->text[texts[rules[i].where]];

		/* FOCUS' SkuMeter is AWS' usage type. */
		if (rules[i].where == USAGE && !*text)
			text = row->text[WEIR_BILL_METER];
		if (*text && strcasestr(text, rules[i].part))
			return rules[i].kind;
	}
	return NULL;
}
