/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shipped price books against the catalogue of researched prices, $WEIR_DATA (else ../shared/data)
 * /finops/prices/network-price-catalog-seed.json. A tier there is [from units, price above it]; a first one of
 * price 0 before another is a free allowance.
 */
#include <jansson.h>
#include <math.h>

#include "lib/money/price.h"
#include "tests/lib/test.h"

#define NOW 1793491200ULL /* 2026-11-01 */
#define CATALOGUE "finops/prices/network-price-catalog-seed.json"

/* What a kind of the catalogue is called in the books. */
static const struct kind {
	const char *provider, *kind, *meter;
} kinds[] = {
	{"aws", "cdn.egress", "cdn-out"},
	{"aws", "cross_az", "cross-zone"},
	{"aws", "cross_az.xaz_meter", "cross-zone-informational"},
	{"aws", "direct_connect.egress", "direct-connect-out"},
	{"aws", "direct_connect.port_hour.1g", "direct-connect-port-1g-hour"},
	{"aws", "dns.resolver_endpoint_hour", "resolver-endpoint-hour"},
	{"aws", "endpoint.gateway.data", "gateway-endpoint"},
	{"aws", "endpoint.gateway.hour", "gateway-endpoint-hour"},
	{"aws", "endpoint.gwlb.data", "endpoint-gwlb-bytes"},
	{"aws", "endpoint.gwlb.hour", "endpoint-gwlb-hour"},
	{"aws", "endpoint.interface.data", "endpoint-processing"},
	{"aws", "endpoint.interface.hour", "endpoint-hour"},
	{"aws", "firewall.data", "firewall-bytes"},
	{"aws", "firewall.hour", "firewall-hour"},
	{"aws", "global_accelerator.hour", "global-accelerator-hour"},
	{"aws", "inter_region.egress", "cross-region-out"},
	{"aws", "inter_region.ingress", "cross-region-in"},
	{"aws", "internet.egress", "internet-out"},
	{"aws", "internet.ingress", "internet-in"},
	{"aws", "lb.alb.hour", "alb-hour"},
	{"aws", "lb.alb.lcu_hour", "alb-lcu-hour"},
	{"aws", "lb.clb.data", "clb-bytes"},
	{"aws", "lb.clb.hour", "clb-hour"},
	{"aws", "lb.gwlb.hour", "gwlb-hour"},
	{"aws", "lb.gwlb.lcu_hour", "gwlb-lcu-hour"},
	{"aws", "lb.nlb.hour", "nlb-hour"},
	{"aws", "lb.nlb.lcu_hour", "nlb-lcu-hour"},
	{"aws", "nat_gateway.data", "nat-processing"},
	{"aws", "nat_gateway.hour", "nat-gateway-hour"},
	{"aws", "nat_gateway.provisioned.data", "nat-provisioned-bytes"},
	{"aws", "nat_gateway.provisioned.gbps_hour", "nat-provisioned-gbps-hour"},
	{"aws", "peering.cross_az", "peering-cross-zone"},
	{"aws", "peering.same_az", "peering-same-zone"},
	{"aws", "public_ipv4.idle.hour", "public-ipv4-idle-hour"},
	{"aws", "public_ipv4.in_use.hour", "public-ipv4-hour"},
	{"aws", "transit_gateway.attachment_hour", "tgw-attachment-hour"},
	{"aws", "transit_gateway.data", "tgw-processing"},
	{"aws", "vpn.connection_hour", "vpn-connection-hour"},
	{"azure", "cross_az", "cross-zone"},
	{"azure", "endpoint.interface.data", "endpoint-processing"},
	{"azure", "endpoint.interface.hour", "endpoint-hour"},
	{"azure", "endpoint.service_endpoint.vnet_hour", "service-endpoint-vnet-hour"},
	{"azure", "firewall.data", "firewall-bytes"},
	{"azure", "firewall.hour.premium", "firewall-premium-hour"},
	{"azure", "firewall.hour.standard", "firewall-standard-hour"},
	{"azure", "flow_logs.collected", "flow-logs-bytes"},
	{"azure", "inter_region.egress.inter_continent", "cross-region-out"},
	{"azure", "inter_region.egress.intra_continent", "cross-region-out-america"},
	{"azure", "internet.egress", "internet-out"},
	{"azure", "internet.egress.isp_routing", "internet-out-isp-routing"},
	{"azure", "internet.ingress", "internet-in"},
	{"azure", "lb.data", "lb-processing"},
	{"azure", "nat_gateway.data", "nat-processing"},
	{"azure", "nat_gateway.hour", "nat-gateway-hour"},
	{"azure", "peering.global", "peering-global"},
	{"azure", "peering.same_region", "peering"},
	{"azure", "public_ip_prefix.hour", "public-ip-prefix-hour"},
	{"azure", "public_ipv4.static.hour", "public-ipv4-hour"},
	{"azure", "vpn.egress", "vpn-between-vnets-out"},
	{"gcp", "cross_az", "cross-zone"},
	{"gcp", "inter_region.egress", "cross-region-out"},
	{"gcp", "internet.egress.premium_tier", "internet-out"},
	{"gcp", "internet.egress.standard_tier", "internet-out-standard-tier"},
	{"gcp", "lb.data_in", "lb-processing-in"},
	{"gcp", "lb.forwarding_rule_hour", "forwarding-rule-hour"},
	{"gcp", "nat_gateway.data", "nat-processing"},
	{"gcp", "nat_gateway.vm_hour", "nat-vm-hour"},
	{"gcp", "public_ipv4.idle.hour", "public-ipv4-idle-hour"},
	{"gcp", "public_ipv4.in_use.hour", "public-ipv4-hour"},
	{"gcp", "vpn.tunnel_hour", "vpn-tunnel-hour"},
};

/* A region of each group, and what names the meter of a peer. */
static const struct {
	const char *name, *region, *suffix;
} groups[] = {
	{"zone1", "eastus", ""},
	{"zone2", "japaneast", ""},
	{"zone3", "brazilsouth", ""},
	{"group:na-eu", "eastus", ""},
	{"group:americas-europe", "us-central1", ""},
	{"group:any->china", "us-central1", "-china"},
	{"group:any->australia", "us-central1", "-australia"},
	{"group:northamerica", "us-central1", "-northamerica"},
	{"group:southamerica", "southamerica-east1", "-southamerica"},
	{"group:europe", "europe-west1", "-europe"},
	{"group:asia", "asia-east1", "-asia"},
	{"group:oceania", "australia-southeast1", "-oceania"},
	{"us-east-2", "us-east-2", "-ohio"},
	{"us-east-1", "us-east-1", "-virginia"},
};

struct world {
	struct weir_pricebook *book;
	json_t *catalogue, *entries; /* catalogue NULL: it is not here */
};

static void world_fini(struct world *w)
{
	weir_pricebook_free(w->book);
	json_decref(w->catalogue);
}
#define auto_world weir_cleanup(world_fini)

static void on_error(const char *line, void *arg)
{
	(void)arg;
	printf("# %s\n", line);
}

static bool world_load(struct test_state *test_st, struct world *w)
{
	const char *data = getenv("WEIR_DATA");
	weir_auto_free char *path = weir_strf("%s/" CATALOGUE, data ? data : "../shared/data");
	struct weir_err err = {0};

	w->catalogue = json_load_file(path, 0, NULL);
	w->entries = json_object_get(w->catalogue, "entries");
	if (!w->entries) {
		SKIP("no catalogue of prices: WEIR_DATA says where shared data is");
		return false;
	}
	CHECK(weir_pricebook_new(&w->book) == 0 &&
		      weir_pricebook_load_dir(w->book, "policies/prices", on_error, NULL) == 0 &&
		      weir_pricebook_seal(w->book, &err) == 0,
	      "%s", err.text);
	return !test_st->failed;
}

static const char *text(const json_t *e, const char *key)
{
	const char *s = json_string_value(json_object_get(e, key));

	return s ? s : "";
}

static double number(const json_t *tier, size_t i)
{
	return json_number_value(json_array_get(tier, i));
}

static int64_t nanos(double price)
{
	return llround(price * 1e9);
}

/* Tiers and allowance of a meter are those of the entry. */
static void check_meter(struct test_state *test_st, const json_t *e, const struct weir_meter *m)
{
	const json_t *tiers = json_object_get(e, "tiers");
	size_t n = json_array_size(tiers), skip = n > 1 && number(json_array_get(tiers, 0), 1) == 0;
	uint64_t is_free = skip ? (uint64_t)number(json_array_get(tiers, 1), 0) * m->unit_bytes : 0;

	CHECK(m->tier_count == n - skip, "%s %s: %zu tiers", m->region, m->name, m->tier_count);
	for (size_t i = 0; i < m->tier_count && i < n - skip; i++) {
		const json_t *tier = json_array_get(tiers, i + skip);
		uint64_t from = i ? (uint64_t)number(tier, 0) * m->unit_bytes : 0;

		CHECK(m->tiers[i].from_bytes == from && m->tiers[i].nanos_per_unit == nanos(number(tier, 1)),
		      "%s %s, tier %zu: %lld", m->region, m->name, i, (long long)m->tiers[i].nanos_per_unit);
	}
	if (skip)
		CHECK(m->free_bytes == is_free, "%s %s: %llu free", m->region, m->name,
		      (unsigned long long)m->free_bytes);
}

static const char *meter_of(const json_t *e)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].provider, text(e, "provider")) && !strcmp(kinds[i].kind, text(e, "kind")))
			return kinds[i].meter;
	return NULL;
}

static void check_entry(struct test_state *test_st, const struct world *w, const json_t *e)
{
	const char *meter = meter_of(e), *region = text(e, "region"), *suffix = "", *peer = text(e, "peer_region");
	const struct weir_meter *m;
	weir_auto_free char *name = NULL;
	size_t found = 0;

	CHECK(meter, "%s %s has no meter", text(e, "provider"), text(e, "kind"));
	if (!meter)
		return;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(groups); i++) {
		if (!strcmp(groups[i].name, *peer ? peer : region) && (*peer || strstr(region, "->")))
			suffix = groups[i].suffix;
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(groups); i++)
		if (!strcmp(groups[i].name, region)) {
			region = groups[i].region;
			break;
		}
	name = weir_strf("%s%s", meter, suffix);
	for (size_t i = 0; (m = weir_pricebook_at(w->book, i)); i++) {
		if (strcmp(m->provider, text(e, "provider")) || strcmp(m->name, name) ||
		    (strcmp(region, "*") && strcmp(m->region, region)) || NOW < m->valid_from || NOW >= m->valid_to)
			continue;
		check_meter(test_st, e, m);
		found++;
	}
	CHECK(found, "%s %s: no %s in the books", text(e, "provider"), region, name);
}

TEST(every_entry_of_the_catalogue_is_in_the_books)
{
	auto_world struct world w = {0};
	size_t i, n = 0;
	json_t *e;

	if (!world_load(test_st, &w))
		return;
	json_array_foreach(w.entries, i, e) {
		/* The allowance of AWS is looked at with its tiers. */
		if (!strcmp(text(e, "kind"), "internet.egress.free_tier"))
			continue;
		check_entry(test_st, &w, e);
		n++;
	}
	CHECK(n == 245, "%zu entries", n);
}

static int64_t cents(double usd)
{
	return llround(usd * 100);
}

/* The whole width of each tier, and the last for 100 TiB, by hand; then the month up to each edge, in which the
 * first 100 GiB are free outside GovCloud. */
static size_t check_cells(struct test_state *test_st, const json_t *e, const struct weir_meter *m)
{
	const json_t *tiers = json_object_get(e, "tiers");
	size_t n = json_array_size(tiers);
	bool gov = !strncmp(m->region, "us-gov-", 7);
	double month = gov ? 0 : -100 * number(json_array_get(tiers, 0), 1);

	for (size_t i = 0; i < n; i++) {
		double from = number(json_array_get(tiers, i), 0), price = number(json_array_get(tiers, i), 1);
		double to = i + 1 < n ? number(json_array_get(tiers, i + 1), 0) : from + 102400;
		int64_t got = weir_meter_between(m, (uint64_t)from << 30, (uint64_t)to << 30);

		CHECK(cents((double)got / 1e9) == cents((to - from) * price), "%s from %.0f: %lld", m->region, from,
		      (long long)got);
		month += (to - from) * price;
		got = weir_meter_cost(m, (uint64_t)to << 30);
		CHECK(cents((double)got / 1e9) == cents(month), "%s, month of %.0f: %lld", m->region, to,
		      (long long)got);
	}
	CHECK(m->free_bytes == (gov ? 0 : 100ull << 30), "%s: %llu free", m->region, (unsigned long long)m->free_bytes);
	return n;
}

TEST(every_aws_region_and_tier_to_the_cent)
{
	auto_world struct world w = {0};
	size_t i, cells = 0;
	json_t *e;

	if (!world_load(test_st, &w))
		return;
	json_array_foreach(w.entries, i, e) {
		const struct weir_meter *m;

		if (strcmp(text(e, "provider"), "aws") || strcmp(text(e, "kind"), "internet.egress"))
			continue;
		m = weir_pricebook_find(w.book, "aws", text(e, "region"), "internet-out", NOW);
		CHECK(m, "no price in %s", text(e, "region"));
		cells += m ? check_cells(test_st, e, m) : 0;
	}
	CHECK(cells == 132, "%zu cells", cells);
}

/* Needs no catalogue: what ships is whole. */
TEST(what_ships_has_sources_and_no_gaps)
{
	auto_world struct world w = {0};
	struct weir_err err = {0};
	const struct weir_meter *m;

	CHECK(weir_pricebook_new(&w.book) == 0 &&
		      weir_pricebook_load_dir(w.book, "policies/prices", on_error, NULL) == 0 &&
		      weir_pricebook_seal(w.book, &err) == 0,
	      "%s", err.text);
	for (size_t i = 0; (m = weir_pricebook_at(w.book, i)); i++)
		CHECK(*m->source && m->confidence != WEIR_CONFIDENCE_UNSTATED, "%s %s", m->region, m->name);
}

TEST_MAIN(T(every_entry_of_the_catalogue_is_in_the_books), T(every_aws_region_and_tier_to_the_cent),
	  T(what_ships_has_sources_and_no_gaps))
