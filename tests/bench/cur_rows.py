#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bill in the shape of AWS CUR 2.0, the same bytes each time: tests/bench/cur_rows.py ROWS >FILE

A month of hours over 2,000 resources in 12 accounts with 8 usage types, some rows with tags, quoted newlines' cousins
(commas and doubled quotes in JSON), 15 digits behind the point as AWS writes them. At the end, on standard error, the
sums of unblended cost in nano-units: each row's, rounded half to even, summed as integers.
"""
import sys

COLUMNS = (
    "identity_line_item_id,identity_time_interval,bill_billing_entity,bill_bill_type,bill_payer_account_id,"
    "bill_billing_period_start_date,bill_billing_period_end_date,line_item_usage_account_id,line_item_line_item_type,"
    "line_item_usage_start_date,line_item_usage_end_date,line_item_product_code,line_item_usage_type,line_item_operation,"
    "line_item_availability_zone,line_item_resource_id,line_item_usage_amount,line_item_currency_code,"
    "line_item_unblended_rate,line_item_unblended_cost,line_item_line_item_description,product,pricing_unit,"
    "pricing_public_on_demand_cost,pricing_public_on_demand_rate,resource_tags")
# usage type, product, operation, unit, price in 10^-4, description
METERS = (
    ("USW2-NatGateway-Bytes", "AmazonEC2", "NatGateway", "GB", 450, "$0.045 per GB Data Processed by NAT Gateways"),
    ("USW2-NatGateway-Hours", "AmazonEC2", "NatGateway", "Hrs", 450, "$0.045 per NAT Gateway Hour"),
    ("USW2-DataTransfer-Out-Bytes", "AmazonEC2", "RunInstances", "GB", 900,
     "$0.090 per GB - first 10 TB / month data transfer out"),
    ("USW2-DataTransfer-Regional-Bytes", "AmazonEC2", "InterZone-In", "GB", 100,
     "$0.010 per GB - regional data transfer - in/out/between EC2 AZs or using elastic IPs or ELB"),
    ("USW2-USE1-AWS-Out-Bytes", "AmazonS3", "GetObject", "GB", 200,
     "$0.02 per GB - US West (Oregon) data transfer to US East (Northern Virginia)"),
    ("USW2-LCUUsage", "AWSELB", "LoadBalancing:Application", "LCU-Hours", 80,
     "$0.008 per used Application load balancer capacity unit-hour (or partial hour)"),
    ("USW2-VpcEndpoint-Bytes", "AmazonVPC", "VpcEndpoint", "GB", 100, "$0.01 per GB Data Processed by VPC Endpoints"),
    ("USW2-BoxUsage:m6i.large", "AmazonEC2", "RunInstances", "Hrs", 960, "$0.096 per On Demand Linux m6i.large Instance Hour"),
)
MASK = (1 << 64) - 1


def main(rows):
    out = sys.stdout.buffer
    out.write(COLUMNS.encode() + b"\n")
    state, nanos, lines = 0x9E3779B97F4A7C15, 0, []
    resources = []
    for r in range(2000):
        tags = '"{""user_team"": ""team-%d"", ""user_environment"": ""%s""}"' % (r % 40, ("prod", "dev")[r % 3 == 0])
        resources.append((f"{43883916700 + r % 12}", f"usw2-az{r % 3 + 1}",
                          f"arn:aws:ec2:us-west-2:{43883916700 + r % 12}:resource/eni-{r * 2654435761 & 0xffffffffffff:017x}",
                          tags if r % 4 else ""))
    hours = [f"2026-10-{h // 24 + 1:02d}T{h % 24:02d}:00:00.000Z" for h in range(744)] + ["2026-11-01T00:00:00.000Z"]
    for i in range(rows):
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        account, zone, arn, tags = resources[(state >> 33) % 2000]
        usage, product, operation, unit, price, text = METERS[(state >> 20) % 8]
        hour = i * 744 // rows
        amount = (state >> 44) * 1000003 + (state & 0xffff)  # of 10^-12 units
        cost = amount * price  # of 10^-16
        rounded, rest = divmod(cost, 10**7)
        rounded += rest > 5 * 10**6 or (rest == 5 * 10**6 and rounded & 1)
        nanos += rounded
        whole, part = divmod(cost, 10**16)
        value = f"{whole}.{part:016d}"
        lines.append(
            f"{i:052x},{hours[hour]}/{hours[hour + 1]},AWS,Anniversary,123456789012,2026-10-01T00:00:00.000Z,"
            f"2026-11-01T00:00:00.000Z,{account},Usage,{hours[hour]},{hours[hour + 1]},{product},{usage},{operation},{zone},"
            f"{arn},{amount // 10**12}.{amount % 10**12:012d}000,USD,0.{price:04d},{value},{text},"
            f'"{{""region"": ""us-west-2""}}",{unit},{value},0.{price:04d},{tags}\n')
        if len(lines) == 4096:
            out.write("".join(lines).encode())
            lines = []
    out.write("".join(lines).encode())
    print(nanos, file=sys.stderr)


main(int(sys.argv[1]))
