/* SPDX-License-Identifier: Apache-2.0 */
/* Flow logs to hours of traffic: each end's bytes once, by a stated precedence, placed and classified by the topology. */
#include "lib/money/flowlog.h"
#include "tests/lib/test.h"
#include "tests/lib/topology_fixture.h"

#include <sys/mman.h>

#define HEAD "apiVersion: weir.dev/v1alpha1\nkind: Topology\nmetadata: {name: t}\nspec:\n"
static const char east[] =
	HEAD "  domain: aws/111111111111/vpc-east\n  provider: aws\n  account: '111111111111'\n"
	     "  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: us-east-1}]\n  prefixes: [10.7.0.0/16]\n"
	     "  nat: [{name: nat, zone: use1-az1}]\n"
	     "  ranges: [{prefix: 198.18.4.0/22, service: aws/s3, region: us-east-1}]\n  subnets:\n"
	     "  - {name: pub, cidrs: [10.7.0.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	     "  - {name: a, cidrs: [10.7.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: 'nat:nat'}, "
	     "{to: aws/s3, via: 'gateway-endpoint:aws/s3'}, {to: 10.8.0.0/16, via: 'peering:aws/222222222222/vpc-west'}]}\n"
	     "  - {name: b, cidrs: [10.7.2.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: 'nat:nat'}]}\n"
	     "  load_balancers:\n"
	     "  - {name: web, kind: alb, scheme: internet-facing, nodes: [{subnet: pub, addresses: [10.7.0.20]}], targets: [a]}\n"
	     "---\n" HEAD "  domain: aws/222222222222/vpc-west\n  provider: aws\n  account: '222222222222'\n"
	     "  zones: [{id: use1-az1, region: us-east-1}]\n  prefixes: [10.8.0.0/16]\n  subnets:\n"
	     "  - {name: w, cidrs: [10.8.0.0/24], zone: use1-az1, routes: [{to: 10.7.0.0/16, via: 'peering:aws/111111111111/vpc-east'}]}\n"
	     "---\n" HEAD "  domain: aws/333333333333/vpc-twin\n  provider: aws\n  account: '333333333333'\n"
	     "  zones: [{id: use1-az1, region: us-east-1}]\n  prefixes: [10.7.0.0/16]\n  subnets:\n"
	     "  - {name: t, cidrs: [10.7.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	     "---\n" HEAD "  domain: azure/aaaa-bbbb/vnet1\n  provider: azure\n  account: aaaa-bbbb\n"
	     "  zones: [{id: eastus, region: eastus}]\n  prefixes: [10.9.0.0/16]\n  subnets:\n"
	     "  - {name: s, cidrs: [10.9.0.0/16], zone: eastus, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
	     "---\n" HEAD "  domain: gcp/p1/v\n  provider: gcp\n  account: p1\n"
	     "  zones: [{id: us-east1-c, region: us-east1}]\n  prefixes: [10.10.0.0/24]\n  subnets:\n"
	     "  - {name: s, cidrs: [10.10.0.0/24], zone: us-east1-c, routes: [{to: 0.0.0.0/0, via: igw}]}\n";

struct room {
	struct topology_fixture w;
	struct weir_flow_hours *hours;
	struct weir_flowlog_stats stats;
	char said[4096];
};

static void room_remove(struct room *m)
{
	weir_flow_hours_free(m->hours);
	topology_fixture_free(&m->w);
}
#define auto_room weir_cleanup(room_remove) struct room

static void room_make(struct room *m)
{
	struct weir_err err = {0};

	*m = (struct room){0};
	if (topology_fixture_load(&m->w, east, "east", &err) || weir_flow_hours_new(m->w.topology, &m->hours)) {
		printf("# %s\n", err.text);
		abort();
	}
}

static void add_text(struct test_state *test_st, struct room *m, const char *text)
{
	int fd = memfd_create("flowlog", MFD_CLOEXEC);
	struct weir_flowlog_how how = {.strict = true};
	struct weir_err err = {0};
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(weir_flowlog_read(path, &how, m->hours, &m->stats, &err) == 0, "%s", err.text);
	close(fd);
}

/* "vpc-east 10.7.1.11 e 10.7.2.21:5432o cross-zone 5000" */
static int tell(const struct weir_traffic *t, void *arg)
{
	struct room *m = arg;
	size_t used = strlen(m->said);
	char a[46], b[46];

	snprintf(m->said + used, sizeof(m->said) - used, "%s %s %c %s:%u%s %s %llu\n", *t->domain ? strrchr(t->domain, '/') + 1 : "-",
		 weir_addr_text(&t->local, a), "ie"[t->dir], weir_addr_text(&t->peer, b), t->port, t->opened ? "o" : "",
		 weir_path_name(t->path), (unsigned long long)t->bytes);
	return t->source == WEIR_TRAFFIC_FLOW_LOG ? 0 : -EINVAL;
}

static const char *rows(struct test_state *test_st, struct room *m)
{
	CHECK(weir_flow_hours_end(m->hours, tell, m) == 0);
	return m->said;
}

#define ADDR(x) {.b = {[10] = 0xff, [11] = 0xff, 10, 7, 1, x}}
static struct weir_seen seen(uint8_t local, uint8_t peer, enum weir_sight sight, uint32_t observer, uint64_t bytes)
{
	return (struct weir_seen){.local = ADDR(local), .peer = ADDR(peer), .hour = 1, .dir = WEIR_FLOW_EGRESS, .sight = (uint8_t)sight,
				  .observer = observer, .bytes = bytes, .packets = 1};
}

static uint64_t counted(struct weir_seen *s, size_t n)
{
	uint64_t bytes = 0;

	weir_flowlog_once(s, n);
	for (size_t i = 0; i < n; i++)
		bytes += s[i].counted ? s[i].bytes : 0;
	return bytes;
}

/* Bytes are powers of two, so that the sum says which rows counted. */
TEST(precedence_by_hand)
{
	struct weir_seen all[] = {seen(1, 2, WEIR_SIGHT_GATEWAY, 9, 1), seen(1, 2, WEIR_SIGHT_OTHER_END, 8, 2), seen(1, 2, WEIR_SIGHT_OWN, 7, 4),
				  seen(1, 2, WEIR_SIGHT_AGENT, 0, 8)};
	struct weir_seen no_agent[] = {all[0], all[1], all[2]}, far[] = {all[0], all[1]}, on_the_way[] = {all[0]};
	/* The end speaks for itself to peer 2: what others say of it and peer 3 does not count either. */
	struct weir_seen silent[] = {seen(1, 2, WEIR_SIGHT_OWN, 7, 4), seen(1, 3, WEIR_SIGHT_OTHER_END, 8, 2)};
	/* In another hour, of another end or the other way it does. */
	struct weir_seen hour[] = {seen(1, 2, WEIR_SIGHT_OWN, 7, 4), seen(1, 2, WEIR_SIGHT_OTHER_END, 8, 2), seen(4, 2, WEIR_SIGHT_OTHER_END, 8, 1)};
	/* Two logs of an interface: the one with more. Its rows are all of it. */
	struct weir_seen twice[] = {seen(1, 2, WEIR_SIGHT_OWN, 6, 4), seen(1, 2, WEIR_SIGHT_OWN, 7, 2), seen(1, 2, WEIR_SIGHT_OWN, 7, 1)};
	/* Not summed over peers: each pair has its own. */
	struct weir_seen pairs[] = {seen(1, 2, WEIR_SIGHT_OTHER_END, 6, 4), seen(1, 3, WEIR_SIGHT_OTHER_END, 7, 2)};

	hour[1].hour = 2;
	twice[2].port = 443;
	CHECK(counted(all, 4) == 8 && counted(no_agent, 3) == 4 && counted(far, 2) == 2 && counted(on_the_way, 1) == 1);
	CHECK(counted(silent, 2) == 4, "an end that reports is believed alone");
	CHECK(counted(hour, 3) == 7);
	CHECK(counted(twice, 3) == 4, "%llu", (unsigned long long)counted(twice, 3));
	twice[1].bytes = twice[2].bytes = 3;
	twice[0].bytes = 5;
	for (int i = 0; i < 3; i++)
		twice[i].bytes = twice[i].observer == 7 ? 3 : 5;
	CHECK(counted(twice, 3) == 6, "the observer's rows are compared as a sum");
	CHECK(counted(pairs, 2) == 6);
}

/* Whatever the order of what was seen, the same rows count; of each pair and hour those of one observer. */
TEST(precedence_at_random)
{
	unsigned int seed = (unsigned int)time(NULL), wrong = 0;

	printf("# seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 2000; round++) {
		struct weir_seen a[24], b[24];
		size_t n = 1 + (size_t)rand() % 24;
		uint64_t sum;

		for (size_t i = 0; i < n; i++) {
			a[i] = seen((uint8_t)(rand() % 3), (uint8_t)(rand() % 3), (unsigned int)(rand() % WEIR_SIGHTS), (uint32_t)(rand() % 3),
				    (uint64_t)(1 + rand() % 1000));
			a[i].hour = (uint32_t)(rand() % 2);
			a[i].port = (uint16_t)i; /* rows differ */
		}
		for (size_t i = 0; i < n; i++)
			b[n - 1 - i] = a[i];
		sum = counted(a, n);
		wrong += sum != counted(b, n) || !sum;
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < n; k++) {
				bool end = a[i].hour == a[k].hour && !memcmp(&a[i].local, &a[k].local, 16);
				bool pair = end && !memcmp(&a[i].peer, &a[k].peer, 16);

				if (!a[i].counted)
					continue;
				/* Nobody before whom another goes counts, and never two of a pair. */
				wrong += end && a[k].sight <= WEIR_SIGHT_OWN && a[k].sight < a[i].sight;
				wrong += pair && a[k].sight < a[i].sight;
				wrong += pair && a[k].counted && a[k].observer != a[i].observer;
			}
	}
	CHECK(wrong == 0, "%u", wrong);
}

/*
 * The sample: app talks to db in the other zone, both interfaces log it: a row for each end and way, and no more. What goes
 * through the NAT gateway is app's, though the gateway's interface saw it twice. S3, and a peering.
 */
TEST(a_vpc_by_hand)
{
	struct weir_flowlog_how how = {0};
	struct weir_err err = {0};
	auto_room m;

	room_make(&m);
	CHECK(weir_flowlog_read("tests/flowlogs/aws/2026", &how, m.hours, &m.stats, &err) == 0, "%s", err.text);
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-east 10.7.1.11 i 10.7.2.21:5432o cross-zone 90000\n"
			      "vpc-east 10.7.1.11 e 10.7.2.21:5432o cross-zone 5000\n"
			      "vpc-east 10.7.1.11 e 10.8.0.5:443o peering 3000\n"
			      "vpc-east 10.7.1.11 e 198.18.4.4:443o gateway-endpoint 9000\n"
			      "vpc-east 10.7.1.11 e 198.18.9.9:443o nat 7000\n"
			      "vpc-east 10.7.2.21 i 10.7.1.11:5432 cross-zone 5000\n"
			      "vpc-east 10.7.2.21 e 10.7.1.11:5432 cross-zone 90000\n"
			      "vpc-west 10.8.0.5 i 10.7.1.11:443 peering 3000\n"), "%s", m.said);
	CHECK(m.stats.rows[WEIR_FLOWLOG_AWS] == 12 && m.stats.no_data == 1 && m.stats.skipped == 1 && m.stats.rejected == 1);
	const struct weir_flow_hours_stats *st = weir_flow_hours_stats(m.hours);

	CHECK(st->gateway_bytes == 7000 && st->other_end_bytes == 3000 && st->unplaced_bytes == 0 && st->passing_bytes == 0,
	      "%llu %llu", (unsigned long long)st->gateway_bytes, (unsigned long long)st->other_end_bytes);
	/* traffic-path: five rows of the workloads; the gateway's own 8 is of no workload. */
	CHECK(st->differing_bytes == 0 && st->agreed_bytes == 5000 + 90000 + 7000 + 9000 + 3000, "%s", st->differing);
}

/* Nothing but the gateway logs: the packet's addresses say whose bytes these are. */
TEST(a_nat_gateway_alone)
{
	auto_room m;

	room_make(&m);
	add_text(test_st, &m,
		 "account-id vpc-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol bytes start\n"
		 "111111111111 vpc-east eni-nat 10.7.1.11 10.7.0.9 10.7.1.11 198.18.9.9 41000 443 6 700 1793491300\n"
		 "111111111111 vpc-east eni-nat 10.7.0.9 198.18.9.9 10.7.0.9 198.18.9.9 51000 443 6 700 1793491300\n"
		 "111111111111 vpc-east eni-nat 198.18.9.9 10.7.0.9 198.18.9.9 10.7.0.9 443 51000 6 50 1793491300\n"
		 "111111111111 vpc-east eni-nat 10.7.0.9 10.7.1.11 198.18.9.9 10.7.1.11 443 41000 6 50 1793491300\n");
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-east 10.7.1.11 i 198.18.9.9:443o nat 50\nvpc-east 10.7.1.11 e 198.18.9.9:443o nat 700\n"), "%s", m.said);
	CHECK(weir_flow_hours_stats(m.hours)->gateway_bytes == 750 && weir_flow_hours_stats(m.hours)->passing_bytes == 750);
}

/* The default format has no packet's addresses: the topology says which interface is the gateway's. */
TEST(a_nat_gateway_whose_address_is_known)
{
	static const char text[] =
		HEAD "  domain: aws/111111111111/vpc-east\n  provider: aws\n  account: '111111111111'\n"
		     "  zones: [{id: use1-az1, region: us-east-1}]\n  prefixes: [10.7.0.0/16]\n"
		     "  nat: [{name: nat, zone: use1-az1, address: %s}]\n  subnets:\n"
		     "  - {name: pub, cidrs: [10.7.0.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}\n"
		     "  - {name: a, cidrs: [10.7.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: 'nat:nat'}]}\n";
	weir_auto_free char *known = weir_strf(text, "10.7.0.9"), *outside = weir_strf(text, "10.9.0.9");
	struct topology_fixture w = {0};
	struct weir_err err = {0};
	struct room m = {0};

	CHECK(topology_fixture_load(&w, outside, "t", &err) == -EINVAL && strstr(err.text, "outside the prefixes"), "%s", err.text);
	topology_fixture_free(&w);
	err = (struct weir_err){0};
	CHECK(topology_fixture_load(&m.w, known, "t", &err) == 0 && weir_flow_hours_new(m.w.topology, &m.hours) == 0, "%s", err.text);
	add_text(test_st, &m, "2 111111111111 eni-app 10.7.1.11 198.18.9.9 41000 443 6 7 7000 1793491300 1793491360 ACCEPT OK\n"
			      "2 111111111111 eni-nat 10.7.1.11 10.7.0.9 41000 443 6 7 7000 1793491301 1793491361 ACCEPT OK\n"
			      "2 111111111111 eni-nat 10.7.0.9 198.18.9.9 51000 443 6 7 7000 1793491301 1793491361 ACCEPT OK\n");
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-east 10.7.1.11 e 198.18.9.9:443o nat 7000\n"), "%s", m.said);
	room_remove(&m);
}

/* An interface with several addresses shows its first one, of the same subnet: no gateway. */
TEST(a_pods_second_address_is_its_own)
{
	auto_room m;

	room_make(&m);
	add_text(test_st, &m,
		 "account-id vpc-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol bytes start\n"
		 "111111111111 vpc-east eni-k 10.7.1.10 198.18.9.9 10.7.1.55 198.18.9.9 41000 443 6 700 1793491300\n"
		 "111111111111 vpc-east eni-k 198.18.9.9 10.7.1.10 198.18.9.9 10.7.1.56 443 41000 6 50 1793491300\n");
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-east 10.7.1.55 e 198.18.9.9:443o nat 700\nvpc-east 10.7.1.56 i 198.18.9.9:443o nat 50\n"), "%s", m.said);
	CHECK(weir_flow_hours_stats(m.hours)->gateway_bytes == 0);
}

/* The default format does not say the side: each interface has one address in all its rows. */
TEST(sides_are_found_where_the_log_does_not_say)
{
	auto_room m;
	struct weir_flowlog_how how = {0};
	struct weir_err err = {0};

	room_make(&m);
	CHECK(weir_flowlog_read("tests/flowlogs/aws/default.log", &how, m.hours, &m.stats, &err) == 0, "%s", err.text);
	rows(test_st, &m);
	CHECK(m.stats.bad_rows == 3);
	/* The same without an account's domain: 10.7.1.11 is in two domains, that of its account is meant. */
	CHECK(!strcmp(m.said, "vpc-east 10.7.1.11 e 10.7.2.21:5432o cross-zone 4000\n"
			      "vpc-east 10.7.1.11 e 198.18.9.9:443o nat 2000\n"
			      "vpc-east 10.7.2.21 i 10.7.1.11:5432 cross-zone 4000\n"
			      "vpc-east 10.7.2.21 e 198.18.9.9:443o nat 100\n"), "%s", m.said);
	CHECK(weir_flow_hours_stats(m.hours)->other_end_bytes == 0, "each interface's rows are its own");
}

/* One interface that speaks with one other alone: whose it is cannot be known, but its bytes count once an end. */
TEST(an_interface_of_unknown_side_counts_once)
{
	auto_room m;

	room_make(&m);
	add_text(test_st, &m, "2 111111111111 eni-x 10.7.1.11 10.7.2.21 40000 5432 6 4 4000 1793494800 1793494860 ACCEPT OK\n"
			      "2 111111111111 eni-y 10.7.1.11 10.7.2.21 40000 5432 6 4 4001 1793494800 1793494860 ACCEPT OK\n");
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-east 10.7.1.11 e 10.7.2.21:5432o cross-zone 4001\nvpc-east 10.7.2.21 i 10.7.1.11:5432 cross-zone 4001\n"),
	      "%s", m.said);
}

/* Where an agent reports for an address, no log does; what the address' peers log of themselves stays. */
TEST(an_agent_goes_before_every_log)
{
	struct weir_addr app;
	struct weir_flowlog_how how = {0};
	struct weir_err err = {0};
	auto_room m;

	room_make(&m);
	CHECK(weir_addr_parse("10.7.1.11", &app) == 0);
	CHECK(weir_flow_hours_agent(m.hours, "aws/111111111111/vpc-east", &app, 1793491200) == 0);
	CHECK(weir_flow_hours_agent(m.hours, "of/another/topology", &app, 1793491200) == 0);
	CHECK(weir_flowlog_read("tests/flowlogs/aws/2026", &how, m.hours, &m.stats, &err) == 0, "%s", err.text);
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-east 10.7.2.21 i 10.7.1.11:5432 cross-zone 5000\n"
			      "vpc-east 10.7.2.21 e 10.7.1.11:5432 cross-zone 90000\n"
			      "vpc-west 10.8.0.5 i 10.7.1.11:443 peering 3000\n"), "%s", m.said);
}

/* A load balancer's node and an interface that lets packets through are nobody's: the target's row is made of what they saw. */
TEST(nodes_and_transit_interfaces_are_no_workloads)
{
	auto_room m;

	room_make(&m);
	add_text(test_st, &m,
		 "account-id vpc-id interface-id srcaddr dstaddr srcport dstport protocol bytes start flow-direction\n"
		 "111111111111 vpc-east eni-lb 10.7.0.20 10.7.1.11 33000 8080 6 600 1793491300 egress\n"
		 "111111111111 vpc-east eni-lb 10.7.0.20 198.18.9.9 443 50000 6 900 1793491300 egress\n"
		 "111111111111 vpc-east eni-tgw 172.20.0.1 10.7.1.12 50000 443 6 80 1793491300 egress\n"
		 "111111111111 vpc-east eni-tgw 10.8.0.5 10.7.1.12 50000 443 6 90 1793491300 egress\n");
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-east 10.7.1.11 i 10.7.0.20:8080 lb 600\nvpc-east 10.7.1.12 i 10.8.0.5:443 peering 90\n"
			      "vpc-east 10.7.1.12 i 172.20.0.1:443 unknown 80\nvpc-west 10.8.0.5 e 10.7.1.12:443o peering 90\n"), "%s", m.said);
	CHECK(weir_flow_hours_stats(m.hours)->passing_bytes == 260, "both ends of 90 have been seen on their way");
	CHECK(weir_flow_hours_stats(m.hours)->gateway_bytes == 1500);
}

TEST(what_no_subnet_holds_stays_visible)
{
	auto_room m;

	room_make(&m);
	add_text(test_st, &m, "account-id vpc-id interface-id srcaddr dstaddr srcport dstport protocol bytes start flow-direction\n"
			      "9 vpc-x eni-x 172.31.0.5 198.18.9.9 40000 443 6 600 1793491300 egress\n"
			      "9 vpc-x eni-x 10.7.1.11 198.18.9.9 40000 443 6 7 1793491300 egress\n");
	rows(test_st, &m);
	/* The second one is in a subnet of two domains, and of neither's account. */
	CHECK(!strcmp(m.said, "- 10.7.1.11 e 198.18.9.9:443o unknown 7\n- 172.31.0.5 e 198.18.9.9:443o unknown 600\n"), "%s", m.said);
	CHECK(weir_flow_hours_stats(m.hours)->unplaced_bytes == 607);
}

static void count_files(const struct weir_flowlog_stats *sum, size_t files, void *arg)
{
	size_t *told = arg;

	*told += sum->files == *told + 1 && files == 6;
}

/* An address of two domains is that of the VPC which the record names, though the interface is of another account. */
TEST(a_shared_vpc_is_known_by_its_id)
{
	auto_room m;

	room_make(&m);
	add_text(test_st, &m, "account-id vpc-id interface-id srcaddr dstaddr srcport dstport protocol bytes start flow-direction\n"
			      "999999999999 vpc-twin eni-s 10.7.1.30 198.18.9.9 40000 443 6 600 1793491300 egress\n");
	rows(test_st, &m);
	CHECK(!strcmp(m.said, "vpc-twin 10.7.1.30 e 198.18.9.9:443o internet 600\n"), "%s", m.said);
}

TEST(a_directory_of_all_clouds)
{
	size_t told = 0;
	struct weir_flowlog_how how = {.progress = count_files, .arg = &told}, strict = {.strict = true};
	struct weir_err err = {0};
	auto_room m;
	uint64_t n = 0;

	room_make(&m);
	CHECK(weir_flowlog_read("tests/flowlogs", &how, m.hours, &m.stats, &err) == 0, "%s", err.text);
	CHECK(m.stats.files == 6 && m.stats.foreign_files == 1, "%llu files", (unsigned long long)m.stats.files);
	CHECK(told == 6, "each file is told of: %zu", told);
	for (int i = 0; i < WEIR_FLOWLOG_FORMATS; i++)
		n += m.stats.rows[i];
	CHECK(n == 12 + 4 + 4 + 4 + 4, "%llu rows", (unsigned long long)n);
	rows(test_st, &m);
	/* One connection inside Azure's network is logged by one end: the other gets its rows from it. */
	CHECK(strstr(m.said, "vnet1 10.9.1.6 i 10.9.2.6:443 same-zone 767\n") == NULL, "10.9.1.6 reports by itself");
	CHECK(strstr(m.said, "vnet1 10.9.2.6 e 10.9.1.6:443o same-zone 767\n") && strstr(m.said, "vnet1 10.9.1.6 i 198.18.9.9:443o internet 90200\n"),
	      "%s", m.said);
	/* Both ends report: the sender's 126,000, the receiver's 130,000, each at its own end. */
	CHECK(strstr(m.said, "v 10.10.0.2 i 10.10.0.4:9090 same-zone 130000\n") && strstr(m.said, "v 10.10.0.4 e 10.10.0.2:9090o same-zone 126000\n"),
	      "%s", m.said);
	CHECK(weir_flowlog_read("tests/flowlogs", &strict, m.hours, &m.stats, &err) == -EBADMSG && strstr(err.text, "dstaddr is no address"), "%s",
	      err.text);
}

static int owner_of(const struct weir_traffic *t, void *arg)
{
	struct room *m = arg;
	size_t used = strlen(m->said);

	snprintf(m->said + used, sizeof(m->said) - used, "%s/%s/%s>%s/%s\n", t->node, t->namespace, t->workload, t->peer_namespace,
		 t->peer_workload);
	return 0;
}

TEST(owners_are_known_from_either_end)
{
	struct weir_flowlog_how how = {0};
	struct weir_err err = {0};
	auto_room m;

	room_make(&m);
	CHECK(weir_flowlog_read("tests/flowlogs/gcp", &how, m.hours, &m.stats, &err) == 0, "%s", err.text);
	CHECK(weir_flow_hours_end(m.hours, owner_of, &m) == 0);
	/* Of two names of 10.10.0.4 a row keeps its own; a peer has the last one. */
	CHECK(!strcmp(m.said, "db//db>/web\nweb//web>/db\nweb/shop/shop>/\nweb//web>/\n"), "%s", m.said);
}

TEST(traffic_path_by_number)
{
	static const struct {
		unsigned int number;
		enum weir_path path;
		const char *region;
		bool agrees;
	} cases[] = {
		{0, WEIR_PATH_UNKNOWN, "", true}, {1, WEIR_PATH_NAT, "", true}, {1, WEIR_PATH_INTERNET, "", false},
		{1, WEIR_PATH_TGW, "", true}, {2, WEIR_PATH_GATEWAY_ENDPOINT, "", true}, {2, WEIR_PATH_NAT, "", false},
		{3, WEIR_PATH_VPN, "", true}, {3, WEIR_PATH_PEERING, "", false}, {4, WEIR_PATH_PEERING, "us-east-1", true},
		{4, WEIR_PATH_PEERING, "eu-west-1", false}, {5, WEIR_PATH_PEERING, "eu-west-1", true},
		{5, WEIR_PATH_PEERING, "us-east-1", false}, {6, WEIR_PATH_ONPREM, "", true}, {7, WEIR_PATH_GATEWAY_ENDPOINT, "", true},
		{7, WEIR_PATH_INTERNET, "", false}, {8, WEIR_PATH_INTERNET, "", true}, {8, WEIR_PATH_GATEWAY_ENDPOINT, "", false},
		{9, WEIR_PATH_INTERNET, "", false},
	};
	const struct weir_subnet local = {.region = "us-east-1"};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_route r = {.path = cases[i].path, .region = cases[i].region, .local = &local};

		CHECK(weir_flowlog_path_agrees(cases[i].number, &r) == cases[i].agrees, "%u %s", cases[i].number,
		      weir_path_name(cases[i].path));
	}
}

/* AWS's own records of version 5, in the VPC that they tell of: with its gateway endpoint or internet gateway they agree. */
TEST(the_providers_sample_is_classified_alike)
{
	const char *data = getenv("WEIR_DATA") ? getenv("WEIR_DATA") : "../shared/data";
	weir_auto_free char *path = weir_strf("%s/finops/flowlogs/aws-vpc-flow-logs-v5.log", data);
	static const struct {
		const char *route;
		bool agrees;
	} cases[] = {{"igw", true}, {"nat:n", false}, {"gateway-endpoint:aws/s3", false}};

	if (access(path, R_OK)) {
		SKIP("no flow logs in $WEIR_DATA");
		return;
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		weir_auto_free char *text = weir_strf(
			HEAD "  domain: aws/123456789012/vpc-abcdefab012345678\n  provider: aws\n  account: '123456789012'\n"
			     "  zones: [{id: apse2-az3, region: ap-southeast-2}]\n  prefixes: [10.0.0.0/16]\n  nat: [{name: n}]\n"
			     "  ranges: [{prefix: 52.95.128.0/21, service: aws/s3, region: ap-southeast-2}]\n"
			     "  subnets: [{name: s, cidrs: [10.0.0.0/24], zone: apse2-az3, routes: [{to: %s, via: '%s'}]}]\n",
			i == 2 ? "aws/s3" : "0.0.0.0/0", cases[i].route);
		struct weir_flowlog_how how = {.strict = true};
		const struct weir_flow_hours_stats *st;
		struct topology_fixture w = {0};
		struct weir_flow_hours *h = NULL;
		struct weir_flowlog_stats stats;
		struct weir_err err = {0};

		CHECK(topology_fixture_load(&w, text, "sample", &err) == 0 && weir_flow_hours_new(w.topology, &h) == 0, "%s", err.text);
		CHECK(h && weir_flowlog_read(path, &how, h, &stats, &err) == 0, "%s", err.text);
		st = weir_flow_hours_stats(h);
		/* 471 bytes leave, traffic-path 8: an internet gateway. */
		CHECK(st->agreed_bytes == (cases[i].agrees ? 471 : 0) && st->differing_bytes == (cases[i].agrees ? 0 : 471), "%s: %s",
		      cases[i].route, st->differing);
		weir_flow_hours_free(h);
		topology_fixture_free(&w);
	}
}

TEST_MAIN(T(precedence_by_hand), T(precedence_at_random), T(a_vpc_by_hand), T(a_nat_gateway_alone), T(a_nat_gateway_whose_address_is_known),
	  T(a_pods_second_address_is_its_own), T(sides_are_found_where_the_log_does_not_say),
	  T(an_interface_of_unknown_side_counts_once), T(an_agent_goes_before_every_log),
	  T(nodes_and_transit_interfaces_are_no_workloads), T(what_no_subnet_holds_stays_visible), T(a_shared_vpc_is_known_by_its_id), T(a_directory_of_all_clouds),
	  T(owners_are_known_from_either_end), T(traffic_path_by_number), T(the_providers_sample_is_classified_alike))
