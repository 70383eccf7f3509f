#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two months of recorded traffic in three networks, and their bills: month.py DIR SEED

DIR/topology.yaml: the networks. DIR/traffic-2026-10.csv.gz: what agents saw of October 2026, by hour, the file that weirctl
export traffic writes. DIR/cur-2026-10.csv.gz: the bill in the shape of AWS CUR 2.0, a line per account, day and usage type.
The same of September, when reports sent less to its provider and the portal less to its users. The bill is not
made by weir: it has its own sums, of all bytes, also of the 1.7 % that no agent saw, and of machines, which are no network.
Prices are AWS's of us-east-1 as policies/prices has them. The same seed gives the same bytes. Says how many rows and lines,
and the invoice.
"""
import gzip
import json
import random
import sys
from datetime import datetime, timedelta, timezone
from fractions import Fraction

GIB = 1 << 30
SHOP, LAKE, WEB = (("aws/111111111111/vpc-shop", "111111111111"), ("aws/222222222222/vpc-0a7e11a4e5c0ffee0", "222222222222"),
                   ("aws/222222222222/vpc-web", "222222222222"))
DAYS = {9: 30, 10: 31}
UNSEEN = Fraction(17, 1000)
TOPOLOGY = """\
# Generated: a shop of two zones behind one NAT gateway, a lake behind a transit gateway, a web with public addresses.
apiVersion: weir.dev/v1alpha1
kind: Topology
metadata: {name: services}
spec:
  ranges:
  - {prefix: 52.216.0.0/15, service: aws/s3, region: us-east-1}
  - {prefix: 54.231.0.0/16, service: aws/s3, region: us-east-1}
---
apiVersion: weir.dev/v1alpha1
kind: Topology
metadata: {name: vpc-shop}
spec:
  domain: aws/111111111111/vpc-shop
  provider: aws
  account: "111111111111"
  zones: [{id: use1-az1, region: us-east-1}, {id: use1-az2, region: us-east-1}]
  prefixes: [10.7.0.0/16]
  nat: [{name: nat-a, zone: use1-az1}]
  subnets:
  - {name: edge-a, cidrs: [10.7.128.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}
  - {name: edge-b, cidrs: [10.7.129.0/24], zone: use1-az2, routes: [{to: 0.0.0.0/0, via: igw}]}
  - name: app-a
    cidrs: [10.7.1.0/24]
    zone: use1-az1
    routes: [{to: 0.0.0.0/0, via: "nat:nat-a"}, {to: 10.8.0.0/16, via: "tgw:aws/222222222222/vpc-0a7e11a4e5c0ffee0"}]
  - name: app-b
    cidrs: [10.7.2.0/24]
    zone: use1-az2
    routes: [{to: 0.0.0.0/0, via: "nat:nat-a"}, {to: 10.8.0.0/16, via: "tgw:aws/222222222222/vpc-0a7e11a4e5c0ffee0"}]
---
apiVersion: weir.dev/v1alpha1
kind: Topology
metadata: {name: vpc-lake}
spec:
  domain: aws/222222222222/vpc-0a7e11a4e5c0ffee0
  provider: aws
  account: "222222222222"
  zones: [{id: use1-az1, region: us-east-1}]
  prefixes: [10.8.0.0/16]
  subnets:
  - name: lake-a
    cidrs: [10.8.1.0/24]
    zone: use1-az1
    routes: [{to: 10.7.0.0/16, via: "tgw:aws/111111111111/vpc-shop"}]
---
apiVersion: weir.dev/v1alpha1
kind: Topology
metadata: {name: vpc-web}
spec:
  domain: aws/222222222222/vpc-web
  provider: aws
  account: "222222222222"
  zones: [{id: use1-az1, region: us-east-1}]
  prefixes: [10.9.0.0/16]
  subnets: [{name: web-a, cidrs: [10.9.1.0/24], zone: use1-az1, routes: [{to: 0.0.0.0/0, via: igw}]}]
"""
# node, namespace, workload, team, network, address, zone
CHECKOUT_A = ("n1", "shop", "checkout", "payments", SHOP, "10.7.1.11", "use1-az1")
CHECKOUT_B = ("n2", "shop", "checkout", "payments", SHOP, "10.7.2.11", "use1-az2")
BACKUP = ("n1", "data", "backup", "payments", SHOP, "10.7.1.12", "use1-az1")
REPORTS = ("n2", "data", "reports", "analytics", SHOP, "10.7.2.12", "use1-az2")
TABLES = ("n4", "data", "tables", "analytics", LAKE, "10.8.1.11", "use1-az1")
PORTAL = ("n5", "web", "portal", "growth", WEB, "10.9.1.11", "use1-az1")
# who, to whom (a workload or an address), GiB there in September and October, part of it that comes back, port, path, shape of the day
FLOWS = (
    (CHECKOUT_A, CHECKOUT_B, (5000, 5200), Fraction(1, 3), 5432, "cross-zone", "day"),
    (BACKUP, "52.216.8.5", (9100, 9300), Fraction(1, 50), 443, "nat", "night"),
    (REPORTS, "54.231.10.7", (4000, 4100), Fraction(1, 4), 443, "nat", "day"),
    (REPORTS, "198.51.100.20", (1400, 5700), Fraction(1, 10), 443, "nat", "day"),
    (CHECKOUT_A, TABLES, (7700, 7900), Fraction(1, 5), 9000, "tgw", "day"),
    (PORTAL, "203.0.113.80", (8100, 13400), Fraction(1, 12), 443, "internet", "day"),
)
TRAFFIC = ("hour,domain,local,peer,path,direction,protocol,opened,port,bytes,packets,source,node,namespace,workload,kind,team,"
           "labels,peer_namespace,peer_workload,peer_team\n")
CUR = ("identity_line_item_id,bill_billing_entity,bill_bill_type,bill_payer_account_id,bill_billing_period_start_date,"
       "bill_billing_period_end_date,line_item_usage_account_id,line_item_line_item_type,line_item_usage_start_date,"
       "line_item_usage_end_date,line_item_product_code,line_item_usage_type,line_item_operation,line_item_resource_id,"
       "line_item_usage_amount,line_item_currency_code,line_item_unblended_cost,line_item_line_item_description,product,"
       "pricing_unit,pricing_public_on_demand_cost\n")
# product, usage type, operation, unit, description
LINES = {
    "nat": ("AmazonEC2", "NatGateway-Bytes", "NatGateway", "GB", "$0.045 per GB Data Processed by NAT Gateways"),
    "nat-hours": ("AmazonEC2", "NatGateway-Hours", "NatGateway", "Hrs", "$0.045 per NAT Gateway Hour"),
    "tgw": ("AmazonVPC", "TransitGateway-Bytes", "TransitGatewayVPC", "GB", "$0.02 per GB Data Processed by Transit Gateway"),
    "tgw-hours": ("AmazonVPC", "TransitGateway-Hours", "TransitGatewayVPC", "Hrs", "$0.05 per Transit Gateway Hour"),
    "zone": ("AmazonEC2", "DataTransfer-Regional-Bytes", "InterZone-Out", "GB", "$0.010 per GB - regional data transfer"),
    "out": ("AmazonEC2", "DataTransfer-Out-Bytes", "RunInstances", "GB", "data transfer out to the internet"),
    "machines": ("AmazonEC2", "BoxUsage:m6i.large", "RunInstances", "Hrs", "$0.096 per On Demand Linux m6i.large Instance Hour"),
}
INTERNET = ((0, Fraction(9, 100)), (10240, Fraction(85, 1000)), (51200, Fraction(7, 100)), (153600, Fraction(5, 100)))


def weight(shape, hour, dice):
    of_day, of_week = hour % 24, (hour // 24 + 3) % 7  # Monday is 0 in October
    if shape == "night":
        w = 10 if 1 <= of_day < 5 else Fraction(1, 10)
    else:
        w = 1 + 2 * max(0, 6 - abs(of_day - 14)) * (Fraction(1, 2) if of_week >= 5 else 1)
    return w * (90 + dice.randrange(21))


def row(begin, hour, who, peer, path, way, opened, port, n):
    other = ("", "", "") if isinstance(peer, str) else peer[1:4]
    address = peer if isinstance(peer, str) else peer[5]
    when = datetime.fromtimestamp(begin + 3600 * hour, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (f"{when},{who[4][0]},{who[5]},{address},{path},{way},6,{opened},{port},{n},{n // 1400 + 1},agent,{who[0]},{who[1]},"
            f'{who[2]},pod,{who[3]},team={who[3]},{other[0]},{other[1]},{other[2]}\n')


def billed(usage, who, peer, path, n, day):
    """What a provider's own counters say of n bytes that left `who`, or came to it (n < 0)."""
    leaves, n = n > 0, abs(n) * (1 + UNSEEN)
    account = who[4][1]
    if path == "cross-zone":
        for end in (who, peer):
            usage[account, day, "zone"] = usage.get((account, day, "zone"), 0) + n
    if path == "tgw":  # of who sends into it
        sender = (who if leaves else peer)[4][1]
        usage[sender, day, "tgw"] = usage.get((sender, day, "tgw"), 0) + n
    if path == "nat":
        usage[account, day, "nat"] = usage.get((account, day, "nat"), 0) + n
        if who[6] != "use1-az1":
            usage[account, day, "zone"] = usage.get((account, day, "zone"), 0) + n
    if path in ("nat", "internet") and leaves and not peer.startswith(("52.216.", "54.231.")):
        usage[account, day, "out"] = usage.get((account, day, "out"), 0) + n


def internet(before, n):
    """Of n GiB behind `before` that the organisation has moved in the month: 100 are free, and count in the tiers."""
    cost = Fraction(0)
    for i, (begin, price) in enumerate(INTERNET):
        end = INTERNET[i + 1][0] if i + 1 < len(INTERNET) else before + n
        cost += max(Fraction(0), min(before + n, end) - max(before, begin, 100)) * price
    return cost


def line(out, first, number, account, day, kind, amount, cost):
    product, usage, operation, unit, text = LINES[kind]
    period, after, begin, end = ((first + timedelta(days=d)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for d in (0, DAYS[first.month], day, day + 1))
    cost = round(cost * 10**10)  # as many digits as AWS has
    money = f"{cost // 10**10}.{cost % 10**10:010d}"
    amount = round(amount * 10**10)
    resource = f"arn:aws:ec2:us-east-1:{account}:natgateway/nat-a" if kind.startswith("nat") else ""
    place = '"' + json.dumps({"region": "us-east-1"}).replace('"', '""') + '"'
    out.write(f"{number:08x},AWS,Anniversary,111111111111,{period},{after},{account},Usage,{begin},"
              f"{end},{product},{usage},{operation},{resource},{amount // 10**10}.{amount % 10**10:010d},USD,{money},{text},{place},"
              f"{unit},{money}\n")
    return cost


def record(path, first, n, dice, usage):
    """Writes what agents saw of the n-th month; usage gets what the provider counted. How many rows."""
    rows, hours, begin = 0, 24 * DAYS[first.month], int(first.timestamp())
    with gzip.GzipFile(path, "wb", mtime=0) as z:
        z.write(TRAFFIC.encode())
        for who, peer, gib, back, port, path, shape in FLOWS:
            weights = [weight(shape, h, dice) for h in range(hours)]
            for h, w in enumerate(weights):
                there = int(gib[n] * GIB * w / sum(weights))
                again = int(there * back)
                text = (row(begin, h, who, peer, path, "egress", "local", port, there) +
                        row(begin, h, who, peer, path, "ingress", "local", port, again))
                rows += 2
                if not isinstance(peer, str):
                    text += (row(begin, h, peer, who, path, "ingress", "peer", port, there) +
                             row(begin, h, peer, who, path, "egress", "peer", port, again))
                    rows += 2
                z.write(text.encode())
                billed(usage, who, peer, path, there, h // 24)
                billed(usage, who, peer, path, -again, h // 24)
    return rows


def bill(path, first, usage):
    """How many lines, and their sum in 10^-10."""
    total, moved, lines = 0, Fraction(0), 0
    with gzip.open(path, "wt", newline="") as out:
        out.write(CUR)
        for day in range(DAYS[first.month]):
            for kind, account, amount, price in (("nat-hours", SHOP[1], Fraction(24), Fraction(45, 1000)),
                                                 ("tgw-hours", SHOP[1], Fraction(24), Fraction(5, 100)),
                                                 ("tgw-hours", LAKE[1], Fraction(24), Fraction(5, 100)),
                                                 ("machines", SHOP[1], Fraction(96), Fraction(96, 1000)),
                                                 ("machines", WEB[1], Fraction(48), Fraction(96, 1000))):
                lines += 1
                total += line(out, first, lines, account, day, kind, amount, amount * price)
            for account, d, kind in sorted(k for k in usage if k[1] == day):
                amount = Fraction(usage[account, d, kind]) / GIB
                if kind == "out":
                    cost = internet(moved, amount)
                    moved += amount
                else:
                    cost = amount * {"nat": Fraction(45, 1000), "tgw": Fraction(2, 100), "zone": Fraction(1, 100)}[kind]
                lines += 1
                total += line(out, first, lines, account, day, kind, amount, cost)
    return lines, total


def main(folder, seed):
    dice = random.Random(seed)
    with open(f"{folder}/topology.yaml", "w") as out:
        out.write(TOPOLOGY)
    for n, month in enumerate((9, 10)):
        first, usage = datetime(2026, month, 1, tzinfo=timezone.utc), {}
        rows = record(f"{folder}/traffic-2026-{month:02d}.csv.gz", first, n, dice, usage)
        lines, total = bill(f"{folder}/cur-2026-{month:02d}.csv.gz", first, usage)
        print(f"{rows} rows, {lines} lines, invoice {total // 10**10}.{total % 10**10:010d} USD")


main(sys.argv[1], int(sys.argv[2]))
