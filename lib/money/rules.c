/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of rules. G is bytes of the span in the unit of the price, Gx those of them over a zone boundary, H the hours
 * of the span, p a price at the volume that there is; list prices in brackets are AWS's of us-east-1. A rule is found in
 * the file that rules_impl.h names.
 */
#include "lib/money/rules.h"

#define FORTNIGHT_H 336

static const char *const levels[] = {"low", "medium", "high"};

const char *weir_level_name(enum weir_level l)
{
	return (unsigned int)l < WEIR_ARRAY_SIZE(levels) ? levels[l] : "";
}

static const struct weir_saving_rule rules[] = {
	{.id = "R01", .name = "gateway endpoint instead of NAT",
	 .inputs = "G to S3 or DynamoDB of the same region through a NAT gateway",
	 .formula = "G x p_nat (0.045) + Gx x p_zone (0.01)",
	 .guard = "AWS; service and region known by its ranges",
	 .change = "Terraform: aws_vpc_endpoint of type Gateway on the route tables of the subnets",
	 .rollback = "Remove the file and apply: the route tables fall back to the NAT gateway.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_LOW},
	{.id = "R02", .name = "interface endpoint instead of NAT",
	 .inputs = "G to a service that offers one, through a NAT gateway; zones n that ask for it",
	 .formula = "G x (p_nat (0.045) - p_endpoint (0.01)) + Gx x p_zone (0.01) - n x H x 0.01; pays above 208.6 GiB a month and "
		    "zone",
	 .guard = "AWS; no endpoint of the service in the network yet",
	 .change = "Terraform: aws_vpc_endpoint of type Interface with private DNS, and its security group",
	 .rollback = "Remove the file and apply: the service's name resolves to its public addresses again.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R03", .name = "no interface endpoint for few bytes",
	 .inputs = "endpoints n of a service, and G through them",
	 .formula = "n x H x 0.01 + G x p_endpoint (0.01) - G x p_nat (0.045) - Gx x p_zone (0.01), to a gateway elsewhere",
	 .guard = "AWS; each subnet that asks has a NAT gateway; the service's public range is known",
	 .change = "Terraform: the endpoint is deleted by the provider's own command, once",
	 .rollback = "Make the endpoint again; until then the NAT gateway carries the bytes.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R04", .name = "as many NAT gateways as pay",
	 .inputs = "Gx to a NAT gateway of another zone; or G of a zone through its own",
	 .formula = "one more: Gx x p_zone (0.01) - H x (0.045 + 0.005 for its address); one less: the "
		    "reverse, Gx what crosses then",
	 .guard = "AWS; the zone has a public subnet; no route table is shared with subnets of other zones",
	 .change = "Terraform: aws_nat_gateway and the default routes; one less: the routes, then the provider's own command",
	 .rollback = "Let nat_gateway_id of the routes name the gateway that they had, and apply.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_MEDIUM, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R05", .name = "no NAT gateway that nothing passes",
	 .inputs = "NAT gateways without a byte in the span",
	 .formula = "H x (0.045 + 0.005 for its address)",
	 .guard = "AWS; something is measured in each subnet that leads to it",
	 .change = "Terraform: gateway and address are deleted by the provider's own command, once",
	 .rollback = "Make a gateway again, with another address.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_LOW},
	{.id = "R06", .name = "no load balancer or endpoint that nothing passes",
	 .inputs = "load balancers and interface endpoints without a byte in the span",
	 .formula = "H x p_hour (ALB and NLB 0.0225, CLB 0.025, endpoint 0.01 in each zone)",
	 .guard = "AWS; something is measured where its targets or clients are",
	 .change = "Terraform: it is deleted by the provider's own command, once",
	 .rollback = "Make it again; names that pointed to it must be changed.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R07", .name = "clients ask their own zone",
	 .inputs = "Gx of each client of a service, its endpoints and their load by zone",
	 .formula = "Gx x l x p_zone (0.01 on each side that is recorded); l = the share of zones that have an endpoint",
	 .guard = "no endpoint gets more than 150 % of the mean load",
	 .change = "Kubernetes: Service spec.trafficDistribution: PreferSameZone",
	 .rollback = "kubectl patch the Service with trafficDistribution: null.",
	 .window_h = FORTNIGHT_H, .behavioural = true, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R08", .name = "network load balancer without cross-zone",
	 .inputs = "Gx between nodes and targets of an NLB",
	 .formula = "Gx x p (0.02); of n zones evenly loaded Gx = G x (n-1)/n",
	 .guard = "a target answers in each zone that has a node",
	 .change = "Terraform: aws_lb enable_cross_zone_load_balancing = false, taken over by import",
	 .rollback = "Set enable_cross_zone_load_balancing to true in the file and apply.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R09", .name = "peering instead of a transit gateway",
	 .inputs = "G between two networks, Gx of it between zones; attachments that become free",
	 .formula = "G x p_tgw (0.02) - Gx x p_zone (0.01 on each side) + H x 0.05 an attachment; nothing when all of G is Gx",
	 .guard = "AWS; no prefix in common; the other network's id is known when another account has it",
	 .change = "Terraform: aws_vpc_peering_connection and routes of both sides",
	 .rollback = "Remove the files and apply: the routes by the transit gateway hold again.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_MEDIUM, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R12", .name = "a workload in the region it talks to",
	 .inputs = "G of a workload with another region, and with its own",
	 .formula = "G_ab x p_ab + G_ba x p_ba, minus what then crosses regions, both sides",
	 .guard = "a deployment; something of its cluster is measured in the other region",
	 .change = "Kubernetes: nodeSelector of the deployment; FlowPolicy that counts what still goes back",
	 .rollback = "kubectl patch the deployment with the nodeSelector it had, and delete the FlowPolicy.",
	 .window_h = FORTNIGHT_H, .behavioural = true, .effort = WEIR_LEVEL_HIGH, .risk = WEIR_LEVEL_HIGH},
	{.id = "R17", .name = "IPv6 instead of NAT",
	 .inputs = "G through NAT to services whose ranges have IPv6",
	 .formula = "G x p_nat (0.045) + Gx x p_zone (0.01)",
	 .guard = "AWS; the subnets have IPv6 prefixes and no way out for them yet",
	 .change = "Terraform: aws_egress_only_internet_gateway and ::/0 routes",
	 .rollback = "Remove the file and apply: programs fall back to IPv4.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_MEDIUM, .risk = WEIR_LEVEL_MEDIUM},
	{.id = "R23", .name = "readers ask their own zone",
	 .inputs = "Gx of readers of a log or a store (by its port), its replicas and their load by zone",
	 .formula = "Gx x l x p_zone (0.01 on each side that is recorded); evenly read, Gx = G x (n-1)/n",
	 .guard = "no replica gets more than 150 % of the mean load",
	 .change = "Kubernetes: Kafka rack and replica.selector.class; of other stores the Service's trafficDistribution",
	 .rollback = "kubectl patch the object with the values it had.",
	 .window_h = FORTNIGHT_H, .behavioural = true, .effort = WEIR_LEVEL_MEDIUM, .risk = WEIR_LEVEL_LOW},
	{.id = "R27", .name = "Private Google Access instead of NAT",
	 .inputs = "G to Google's services through Cloud NAT",
	 .formula = "G x p_nat (0.045)",
	 .guard = "Google; the service is known by its ranges",
	 .change = "Terraform: google_compute_subnetwork private_ip_google_access = true, taken over by import",
	 .rollback = "Set private_ip_google_access to false in the file and apply.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_LOW},
	{.id = "R28", .name = "service endpoint instead of NAT",
	 .inputs = "G to Storage, SQL and the like of the same region through a NAT gateway",
	 .formula = "G x p_nat (0.045) - H x 0.1 for the first one of a network",
	 .guard = "Azure; service and region known by its ranges",
	 .change = "Terraform: azurerm_subnet service_endpoints, taken over by import",
	 .rollback = "Take the service out of service_endpoints in the file and apply.",
	 .window_h = FORTNIGHT_H, .effort = WEIR_LEVEL_LOW, .risk = WEIR_LEVEL_MEDIUM},
};

size_t weir_saving_rules(void)
{
	return WEIR_ARRAY_SIZE(rules);
}

const struct weir_saving_rule *weir_saving_rule_at(size_t i)
{
	return &rules[i];
}
