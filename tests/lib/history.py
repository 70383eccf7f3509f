#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Weeks of hours for a store whose aggregator is stopped: history.py DB NODE WEEKS WORKLOADS [SEED]

Writes flows and charges of each hour up to the last full one, of WORKLOADS services "svc-0", ... of namespace
"shop" on the internet path: a day, a week, noise, and of svc-0 a level that doubled three days ago. Prints rows.
"""
import math
import random
import sqlite3
import sys
import time

HOUR = 3600
INTERNET = 5


def main():
    path, node, weeks, workloads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    random.seed(int(sys.argv[5]) if len(sys.argv) > 5 else 1)
    db = sqlite3.connect(path)
    node_id = db.execute("SELECT id FROM node WHERE name=?", (node,)).fetchone()[0]
    end = int(time.time()) // HOUR * HOUR
    rows = 0
    for w in range(workloads):
        cur = db.execute(
            "INSERT INTO workload(node,domain,namespace,name,kind,team,labels,cgroup) VALUES(?,?,?,?,?,?,?,?)",
            (node_id, "aws/111111111111/vpc-east", "shop", f"svc-{w}", "unit", "front" if w % 2 else "back", '{"app":"svc"}', ""))
        base = math.exp(random.uniform(16, 21))
        for h in range(weeks * 168):
            t = end - (weeks * 168 - h) * HOUR
            day = 1 + 0.6 * math.sin(2 * math.pi * (t / HOUR - 6 - w) / 24)
            week = 0.6 if (t // 86400) % 7 in (2, 3) else 1  # 1970-01-01 was a Thursday
            level = 2 if w == 0 and t >= end - 72 * HOUR else 1
            size = int(base * day * week * level * math.exp(random.gauss(0, 0.1)))
            month = int(time.strftime("%Y%m", time.gmtime(t)))
            db.execute("INSERT INTO flow_1h VALUES(?,?,?,0,0,?,6,443,1,1,0,?,?)",
                       (t, node_id, cur.lastrowid, INTERNET, size, size // 1400 + 1))
            db.execute("INSERT INTO ledger_1h VALUES(?,?,?,'internet-out','pool',?,?,?,?)",
                       (t, cur.lastrowid, INTERNET, month, size, size, int(size * 0.09)))
            rows += 2
    db.commit()
    print(rows)


main()
