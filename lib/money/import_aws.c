/* SPDX-License-Identifier: Apache-2.0 */
/* AWS: what describe-* prints and what Terraform keeps are the same things under two spellings. */
#include "lib/money/import_facts.h"

/* The n-th field of "arn:aws:ec2:us-east-1:111111111111:vpc/vpc-1": 3 region, 4 account. */
static void arn_field(const char *arn, unsigned int n, char *buf, size_t size)
{
	size_t len;

	buf[0] = 0;
	while (n-- && arn) {
		arn = strchr(arn, ':');
		arn = arn ? arn + 1 : NULL;
	}
	if (!arn)
		return;
	len = strcspn(arn, ":");
	if (len < size) {
		memcpy(buf, arn, len);
		buf[len] = 0;
	}
}

/* [{"Key": "Name", "Value": "x"}] or {"Name": "x"} */
static const char *name_tag(const json_t *o)
{
	const json_t *tags = import_get(o, "Tags", "tags");
	json_t *v;
	size_t i;

	if (json_is_object(tags))
		return import_text(tags, "Name", NULL);
	json_array_foreach(tags, i, v)
		if (!strcmp(import_text(v, "Key", NULL), "Name"))
			return import_text(v, "Value", NULL);
	return "";
}

static void add_zone(struct weir_import *m, const json_t *o)
{
	json_t *f = import_fact(m, FACT_ZONE, import_text(o, "ZoneName", NULL));

	import_set(f, "id", import_text(o, "ZoneId", NULL));
	import_set(f, "region", import_text(o, "RegionName", NULL));
}

/* A subnet that is yet to be made has a zone's name alone, whose id others of the account say. */
static void learn_zone(struct weir_import *m, const char *name, const char *id)
{
	if (*name && *id && !import_find(m, FACT_ZONE, name))
		import_set(import_fact(m, FACT_ZONE, name), "id", id);
}

static void put_cidrs(json_t *f, const json_t *list, const char *key)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
		import_put(f, "cidrs", import_text(v, key, NULL));
}

static void add_vpc(struct weir_import *m, const json_t *o)
{
	const char *id = import_text(o, "VpcId", "id");
	json_t *f = import_fact(m, FACT_NET, id);
	char account[32];

	arn_field(import_text(o, "arn", NULL), 4, account, sizeof(account));
	import_set(f, "provider", "aws");
	import_set(f, "name", id);
	import_set(f, "label", name_tag(o));
	import_set(f, "account", account);
	import_set(f, "account", import_text(o, "OwnerId", "owner_id"));
	import_put(f, "cidrs", import_text(o, "CidrBlock", "cidr_block"));
	put_cidrs(f, import_get(o, "CidrBlockAssociationSet", NULL), "CidrBlock");
	put_cidrs(f, import_get(o, "Ipv6CidrBlockAssociationSet", NULL), "Ipv6CidrBlock");
	import_put(f, "cidrs", import_text(o, "ipv6_cidr_block", NULL));
	import_set(f, "main", import_text(o, "main_route_table_id", NULL));
}

static void add_vpc_cidr(struct weir_import *m, const json_t *o)
{
	json_t *f = import_fact(m, FACT_NET, import_text(o, "vpc_id", NULL));

	import_put(f, "cidrs", import_text(o, "cidr_block", "ipv6_cidr_block"));
}

static void add_subnet(struct weir_import *m, const json_t *o)
{
	const char *id = import_text(o, "SubnetId", "id");
	json_t *f = import_fact(m, FACT_SUBNET, id);

	import_set(f, "net", import_text(o, "VpcId", "vpc_id"));
	import_set(f, "name", id);
	import_set(f, "label", name_tag(o));
	import_set(f, "zone", import_text(o, "AvailabilityZoneId", "availability_zone_id"));
	import_set(f, "zone_name", import_text(o, "AvailabilityZone", "availability_zone"));
	learn_zone(m, import_str(f, "zone_name"), import_str(f, "zone"));
	import_put(f, "cidrs", import_text(o, "CidrBlock", "cidr_block"));
	put_cidrs(f, import_get(o, "Ipv6CidrBlockAssociationSet", NULL), "Ipv6CidrBlock");
	import_put(f, "cidrs", import_text(o, "ipv6_cidr_block", NULL));
}

static void read_route(json_t *table, const json_t *o)
{
	/* What says where it goes, in the order in which one of them is set. */
	static const char *const to[][2] = {{"DestinationCidrBlock", "cidr_block"},
					    {"destination_cidr_block", NULL},
					    {"DestinationIpv6CidrBlock", "ipv6_cidr_block"},
					    {"destination_ipv6_cidr_block", NULL},
					    {"DestinationPrefixListId", "destination_prefix_list_id"}};
	static const char *const via[][2] = {{"NatGatewayId", "nat_gateway_id"},
					     {"EgressOnlyInternetGatewayId", "egress_only_gateway_id"},
					     {"TransitGatewayId", "transit_gateway_id"},
					     {"VpcPeeringConnectionId", "vpc_peering_connection_id"},
					     {"vpc_endpoint_id", NULL},
					     {"GatewayId", "gateway_id"},
					     {"CarrierGatewayId", "carrier_gateway_id"},
					     {"LocalGatewayId", "local_gateway_id"},
					     {"CoreNetworkArn", "core_network_arn"},
					     {"NetworkInterfaceId", "network_interface_id"},
					     {"InstanceId", "instance_id"}};
	const char *dest = "", *id = "";

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(to) && !*dest; i++)
		dest = import_text(o, to[i][0], to[i][1]);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(via) && !*id; i++)
		id = import_text(o, via[i][0], via[i][1]);
	if (!strcmp(import_text(o, "State", NULL), "blackhole"))
		id = "blackhole";
	if (*dest)
		import_route(table, dest, id);
}

static void add_table(struct weir_import *m, const json_t *o)
{
	json_t *f = import_fact(m, FACT_TABLE, import_text(o, "RouteTableId", "id")), *v;
	size_t i;

	import_set(f, "net", import_text(o, "VpcId", "vpc_id"));
	json_array_foreach(import_get(o, "Associations", NULL), i, v) {
		import_put(f, "subnets", import_text(v, "SubnetId", NULL));
		if (import_true(v, "Main", NULL))
			import_set(f, "main", "true");
	}
	json_array_foreach(import_get(o, "Routes", "route"), i, v)
		read_route(f, v);
}

static void add_default_table(struct weir_import *m, const json_t *o)
{
	add_table(m, o);
	import_set(import_fact(m, FACT_TABLE, import_text(o, "id", NULL)), "main", "true");
}

static void add_main(struct weir_import *m, const json_t *o)
{
	import_set(import_fact(m, FACT_TABLE, import_text(o, "route_table_id", NULL)), "main", "true");
	import_set(import_fact(m, FACT_NET, import_text(o, "vpc_id", NULL)), "main", import_text(o, "route_table_id", NULL));
}

static void add_association(struct weir_import *m, const json_t *o)
{
	import_put(import_fact(m, FACT_TABLE, import_text(o, "route_table_id", NULL)), "subnets",
		   import_text(o, "subnet_id", NULL));
}

static void add_route(struct weir_import *m, const json_t *o)
{
	read_route(import_fact(m, FACT_TABLE, import_text(o, "route_table_id", NULL)), o);
}

static void add_nat(struct weir_import *m, const json_t *o)
{
	const char *id = import_text(o, "NatGatewayId", "id"), *state = import_text(o, "State", NULL);
	json_t *f;

	if (!strcmp(state, "deleted") || !strcmp(state, "failed"))
		return;
	if (!strcmp(import_text(o, "ConnectivityType", "connectivity_type"), "private"))
		import_note(m, "%s: %s: a private NAT gateway: bytes through it are priced as through a public one",
			    m->file, id);
	f = import_fact(m, FACT_NAT, id);
	import_set(f, "name", id);
	import_set(f, "subnet", import_text(o, "SubnetId", "subnet_id"));
	import_set(f, "net", import_text(o, "VpcId", "vpc_id"));
	import_set(f, "address", import_text(json_array_get(json_object_get(o, "NatGatewayAddresses"), 0), "PrivateIp", NULL));
	import_set(f, "address", import_text(o, "private_ip", NULL));
}

static void add_peering(struct weir_import *m, const json_t *o)
{
	const char *status = import_text(import_get(o, "Status", NULL), "Code", NULL);
	json_t *f;

	if (*status && strcmp(status, "active"))
		return;
	f = import_fact(m, FACT_PEERING, import_text(o, "VpcPeeringConnectionId", "id"));
	import_set(f, "a", import_text(import_get(o, "RequesterVpcInfo", NULL), "VpcId", NULL));
	import_set(f, "b", import_text(import_get(o, "AccepterVpcInfo", NULL), "VpcId", NULL));
	import_set(f, "a", import_text(o, "vpc_id", NULL));
	import_set(f, "b", import_text(o, "peer_vpc_id", NULL));
}

static void add_attachment(struct weir_import *m, const json_t *o)
{
	const char *type = import_text(o, "ResourceType", NULL), *net = import_text(o, "VpcId", "vpc_id");
	const char *id = import_text(o, "TransitGatewayAttachmentId", "id");
	json_t *f;

	if (*type && strcmp(type, "vpc")) {
		import_note(m, "%s: %s: transit gateway attachment of kind %s: what lies behind it is not known", m->file, id,
			    type);
		return;
	}
	f = import_fact(m, FACT_ATTACHMENT, id);
	import_set(f, "tgw", import_text(o, "TransitGatewayId", "transit_gateway_id"));
	import_set(f, "net", *net ? net : import_text(o, "ResourceId", NULL));
}

static void add_endpoint(struct weir_import *m, const json_t *o)
{
	json_t *f = import_fact(m, FACT_ENDPOINT, import_text(o, "VpcEndpointId", "id")), *v;
	const char *service = import_text(o, "ServiceName", "service_name"), *dot = strrchr(service, '.');
	char name[128];
	size_t i;

	import_set(f, "net", import_text(o, "VpcId", "vpc_id"));
	import_set(f, "type", import_text(o, "VpcEndpointType", "vpc_endpoint_type"));
	snprintf(name, sizeof(name), "aws/%s", dot ? dot + 1 : service);
	/* com.amazonaws.vpce.REGION.vpce-svc-1 is a customer's own. */
	import_set(f, "service", strstr(service, ".vpce.") ? "aws/privatelink" : name);
	if (!strcmp(import_text(o, "VpcEndpointType", "vpc_endpoint_type"), "GatewayLoadBalancer"))
		import_set(f, "service", "aws/gwlb");
	if (import_true(o, "weir_new", NULL) && import_true(o, "private_dns_enabled", NULL))
		import_set(f, "planned", "true");
	import_put_all(f, "tables", import_get(o, "RouteTableIds", "route_table_ids"));
	import_put_all(f, "subnets", import_get(o, "SubnetIds", "subnet_ids"));
	json_array_foreach(import_get(o, "subnet_configuration", NULL), i, v)
		import_node(f, import_text(v, "subnet_id", NULL), import_text(v, "ipv4", NULL));
}

static void add_endpoint_subnet(struct weir_import *m, const json_t *o)
{
	import_put(import_fact(m, FACT_ENDPOINT, import_text(o, "vpc_endpoint_id", NULL)), "subnets",
		   import_text(o, "subnet_id", NULL));
}

static void add_endpoint_table(struct weir_import *m, const json_t *o)
{
	import_put(import_fact(m, FACT_ENDPOINT, import_text(o, "vpc_endpoint_id", NULL)), "tables",
		   import_text(o, "route_table_id", NULL));
}

static void put_nodes(json_t *f, const json_t *list)
{
	json_t *v, *a;
	size_t i, k;

	json_array_foreach(list, i, v) {
		const char *subnet = import_text(v, "SubnetId", "subnet_id");

		import_put(f, "subnets", subnet);
		if (*import_text(v, "private_ipv4_address", NULL))
			import_node(f, subnet, import_text(v, "private_ipv4_address", NULL));
		json_array_foreach(import_get(v, "LoadBalancerAddresses", NULL), k, a)
			if (*import_text(a, "PrivateIPv4Address", NULL))
				import_node(f, subnet, import_text(a, "PrivateIPv4Address", NULL));
	}
}

static void add_lb(struct weir_import *m, const json_t *o)
{
	const char *arn = import_text(o, "LoadBalancerArn", "arn"), *type = import_text(o, "Type", "load_balancer_type");
	const char *kind = !strcmp(type, "network") ? "nlb" : "alb";
	const json_t *cross = import_get(o, "enable_cross_zone_load_balancing", NULL);
	json_t *f;

	if (!strcmp(type, "gateway")) {
		import_note(m, "%s: %s: a gateway load balancer is seen by its endpoints alone", m->file,
			    import_text(o, "LoadBalancerName", "name"));
		return;
	}
	f = import_fact(m, FACT_BALANCER, arn);
	import_set(f, "name", import_text(o, "LoadBalancerName", "name"));
	import_set(f, "kind", kind);
	import_set(f, "net", import_text(o, "VpcId", "vpc_id"));
	if (!strcmp(import_text(o, "Scheme", NULL), "internet-facing") || json_is_false(import_get(o, "internal", NULL)))
		import_set(f, "internet", "true");
	if (cross && !strcmp(kind, "nlb"))
		import_set(f, "cross", json_is_true(cross) ? "true" : "false");
	import_put_all(f, "subnets", import_get(o, "subnets", NULL));
	put_nodes(f, import_get(o, "AvailabilityZones", "subnet_mapping"));
}

static void add_classic(struct weir_import *m, const json_t *o)
{
	const char *name = import_text(o, "LoadBalancerName", "name");
	json_t *f = import_fact(m, FACT_BALANCER, name), *v;
	size_t i;

	import_set(f, "name", name);
	import_set(f, "kind", "clb");
	import_set(f, "net", import_text(o, "VPCId", "vpc_id"));
	if (!strcmp(import_text(o, "Scheme", NULL), "internet-facing") || json_is_false(import_get(o, "internal", NULL)))
		import_set(f, "internet", "true");
	import_put_all(f, "subnets", import_get(o, "Subnets", "subnets"));
	import_put_all(f, "targets", import_get(o, "instances", NULL));
	json_array_foreach(import_get(o, "Instances", NULL), i, v)
		import_put(f, "targets", import_text(v, "InstanceId", NULL));
}

static void add_group(struct weir_import *m, const json_t *o)
{
	json_t *f = import_fact(m, FACT_GROUP, import_text(o, "TargetGroupArn", "arn"));

	import_set(f, "name", import_text(o, "TargetGroupName", "name"));
	import_set(f, "type", import_text(o, "TargetType", "target_type"));
	import_set(f, "preserve", import_text(o, "preserve_client_ip", NULL));
	import_put_all(f, "balancers", import_get(o, "LoadBalancerArns", "load_balancer_arns"));
}

static void add_target(struct weir_import *m, const json_t *o)
{
	import_put(import_fact(m, FACT_GROUP, import_text(o, "target_group_arn", NULL)), "targets",
		   import_text(o, "target_id", NULL));
}

static void add_listener(struct weir_import *m, const json_t *o)
{
	const char *lb = import_text(o, "load_balancer_arn", NULL);
	json_t *v;
	size_t i;

	json_array_foreach(import_get(o, "default_action", NULL), i, v)
		if (*import_text(v, "target_group_arn", NULL))
			import_put(import_fact(m, FACT_GROUP, import_text(v, "target_group_arn", NULL)), "balancers", lb);
}

/* "...:listener/app/web/1/2" is a listener of "...:loadbalancer/app/web/1". */
static void add_rule(struct weir_import *m, const json_t *o)
{
	const char *listener = import_text(o, "listener_arn", NULL), *at = strstr(listener, ":listener/");
	const char *last = strrchr(listener, '/');
	weir_auto_free char *lb = NULL;
	json_t *v;
	size_t i;

	if (!at || last <= at + 10)
		return;
	lb = weir_strf("%.*s:loadbalancer/%.*s", (int)(at - listener), listener, (int)(last - at - 10), at + 10);
	json_array_foreach(import_get(o, "action", NULL), i, v)
		if (lb && *import_text(v, "target_group_arn", NULL))
			import_put(import_fact(m, FACT_GROUP, import_text(v, "target_group_arn", NULL)), "balancers", lb);
}

static void add_health(struct weir_import *m, const json_t *o)
{
	import_put(import_fact(m, FACT_HEALTH, m->file), "targets", import_text(import_get(o, "Target", NULL), "Id", NULL));
}

static void add_instance(struct weir_import *m, const json_t *o)
{
	import_put(import_fact(m, FACT_INSTANCE, import_text(o, "InstanceId", "id")), "addresses",
		   import_text(o, "PrivateIpAddress", "private_ip"));
}

static void add_reservation(struct weir_import *m, const json_t *o)
{
	json_t *v;
	size_t i;

	json_array_foreach(import_get(o, "Instances", NULL), i, v)
		add_instance(m, v);
}

/* "ELB app/web/0123" is of the load balancer whose ARN ends so, "ELB old" of a classic one: which one is
 * known when all files are read. An endpoint's own list has no addresses. */
static void add_interface(struct weir_import *m, const json_t *o)
{
	const char *text = import_text(o, "Description", "description"), *subnet = import_text(o, "SubnetId", "subnet_id");
	const char *address = import_text(o, "PrivateIpAddress", "private_ip");
	json_t *f;

	if (!strncmp(text, "VPC Endpoint Interface ", 23)) {
		import_node(import_fact(m, FACT_ENDPOINT, text + 23), subnet, address);
	} else if (!strncmp(text, "ELB ", 4)) {
		f = import_fact(m, FACT_INTERFACE, import_text(o, "NetworkInterfaceId", "id"));
		import_set(f, "of", text + 4);
		import_set(f, "subnet", subnet);
		import_set(f, "address", address);
	}
}

const struct import_row import_aws_lists[] = {
	{"AvailabilityZones", add_zone},
	{"Vpcs", add_vpc},
	{"Subnets", add_subnet},
	{"RouteTables", add_table},
	{"NatGateways", add_nat},
	{"InternetGateways", NULL}, /* routes name them, and their ids say what they are */
	{"EgressOnlyInternetGateways", NULL},
	{"VpnGateways", NULL},
	{"TransitGateways", NULL},
	{"TransitGatewayAttachments", add_attachment},
	{"TransitGatewayVpcAttachments", add_attachment},
	{"VpcEndpoints", add_endpoint},
	{"VpcPeeringConnections", add_peering},
	{"LoadBalancers", add_lb},
	{"LoadBalancerDescriptions", add_classic},
	{"TargetGroups", add_group},
	{"TargetHealthDescriptions", add_health},
	{"NetworkInterfaces", add_interface},
	{"Reservations", add_reservation},
	{NULL, NULL},
};

const struct import_row import_aws_types[] = {
	{"aws_vpc", add_vpc},
	{"aws_default_vpc", add_vpc},
	{"aws_vpc_ipv4_cidr_block_association", add_vpc_cidr},
	{"aws_vpc_ipv6_cidr_block_association", add_vpc_cidr},
	{"aws_subnet", add_subnet},
	{"aws_default_subnet", add_subnet},
	{"aws_route_table", add_table},
	{"aws_default_route_table", add_default_table},
	{"aws_main_route_table_association", add_main},
	{"aws_route_table_association", add_association},
	{"aws_route", add_route},
	{"aws_nat_gateway", add_nat},
	{"aws_internet_gateway", NULL},
	{"aws_egress_only_internet_gateway", NULL},
	{"aws_vpn_gateway", NULL},
	{"aws_vpn_gateway_attachment", NULL},
	{"aws_ec2_transit_gateway", NULL},
	{"aws_ec2_transit_gateway_vpc_attachment", add_attachment},
	{"aws_vpc_endpoint", add_endpoint},
	{"aws_vpc_endpoint_route_table_association", add_endpoint_table},
	{"aws_vpc_endpoint_subnet_association", add_endpoint_subnet},
	{"aws_vpc_endpoint_policy", NULL},
	{"aws_vpc_endpoint_security_group_association", NULL},
	{"aws_vpc_endpoint_service", NULL}, /* the provider's side: its bytes are seen at the load balancer */
	{"aws_vpc_endpoint_service_allowed_principal", NULL},
	{"aws_vpc_endpoint_connection_accepter", NULL},
	{"aws_vpc_dhcp_options", NULL},
	{"aws_vpc_dhcp_options_association", NULL},
	{"aws_vpc_security_group_ingress_rule", NULL},
	{"aws_vpc_security_group_egress_rule", NULL},
	{"aws_vpc_peering_connection_accepter", NULL},
	{"aws_vpc_peering_connection_options", NULL},
	{"aws_vpc_peering_connection", add_peering},
	{"aws_lb", add_lb},
	{"aws_alb", add_lb},
	{"aws_elb", add_classic},
	{"aws_lb_target_group", add_group},
	{"aws_lb_target_group_attachment", add_target},
	{"aws_lb_listener", add_listener},
	{"aws_lb_listener_rule", add_rule},
	{"aws_lb_listener_certificate", NULL},
	{"aws_lb_trust_store", NULL},
	{"aws_instance", add_instance},
	{"aws_network_interface", add_interface},
	{NULL, NULL},
};
