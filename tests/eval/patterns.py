#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Patterns of threat and waste: weirctl model patterns on labelled worlds of flows of our own (tests/lib/flow_world.h).

    tests/eval/patterns.py BUILD DATA

Parameters were chosen on seeds 1 to 12; scored are seeds 201 to 224, which nothing was chosen on. Found: a finding of the event's kind and
workload between its begin and a minute behind its end. Wrong: a finding that is of no event (who sends much to a new peer both runs away
and exfiltrates: either is right for either, and for an outgoing flood). A job's very first run is not scored: the first 90 minutes of a world have no
events. Delay: from the event's begin to the end of the bucket in which it was told, a bucket being handed in when it is over.
"""
import concurrent.futures
import csv
import os
import subprocess
import sys

SEEDS = range(201, 225)
RECALL, PRECISION, RUNAWAY_S = 0.9, 0.9, 30
LATE_S, BUCKET_S, START = 60, 10, 1790000000
OUT = ("runaway-egress", "exfiltration")
LENGTH_S = 16200


def same(event, found):
    return event == found or (found in OUT and event in OUT + ("flood",))


def of(event, row):
    who = row["namespace"] == event["namespace"] if event["kind"] == "cross-zone-chatter" else row["workload"] == event["workload"]
    told = int(row["time"])
    return who and same(event["kind"], row["kind"]) and event["from"] <= told <= event["to"] + LATE_S


def world(build, work, seed):
    """(events, findings) of a seed; the generator's bytes go through a pipe."""
    health, labels = (os.path.join(work, f"patterns-{seed}.{k}") for k in ("health", "events"))
    subprocess.run([f"{build}/bench/flows", "--seed", str(seed), "--health", health, "--events", labels], check=True)
    maker = subprocess.Popen([f"{build}/bench/flows", "--seed", str(seed)], stdout=subprocess.PIPE)
    told = subprocess.run([f"{build}/weirctl", "model", "patterns", "--health", health, "--currency", "USD"], stdin=maker.stdout,
                          stdout=subprocess.PIPE, check=True, text=True)
    maker.stdout.close()
    if maker.wait():
        raise RuntimeError("flows failed")
    events, warm = [], 0
    with open(labels, encoding="ascii") as f:
        for row in csv.reader(f):
            if row[0] == "warm":
                warm = int(row[1])
            else:
                events.append({"kind": row[0], "namespace": row[1], "workload": row[2], "from": int(row[5]), "to": int(row[6]), "strength": float(row[7])})
    rows = [r for r in csv.DictReader(told.stdout.splitlines()) if r["state"] == "began"]
    os.unlink(health)
    os.unlink(labels)
    return seed, events, rows, START + warm


def main():
    build, work = sys.argv[1], sys.argv[2]
    kinds, wrong_said = {}, []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        worlds = list(pool.map(lambda s: world(build, work, s), SEEDS))
    for seed, events, rows, warm in worlds:
        for e in events:
            k = kinds.setdefault(e["kind"], {"events": 0, "found": 0, "right": 0, "wrong": 0, "delays": []})
            told = [int(r["time"]) for r in rows if r["kind"] == e["kind"] and of(e, r)]
            k["events"] += 1
            k["found"] += bool(told)
            if told:
                k["delays"].append(min(told) - e["from"])
            else:
                wrong_said.append(f"seed {seed}: missed {e['kind']} of {e['workload']}, strength {e['strength']:.3g}, {e['to'] - e['from']} s")
        for r in rows:
            right = any(of(e, r) for e in events)
            if right or int(r["time"]) >= warm:
                k = kinds.setdefault(r["kind"], {"events": 0, "found": 0, "right": 0, "wrong": 0, "delays": []})
                k["right" if right else "wrong"] += 1
                if not right:
                    wrong_said.append(f"seed {seed}: wrong {r['kind']}: {r['sentence']}")
    hours = len(worlds) * (LENGTH_S - (worlds[0][3] - START)) / 3600
    print(f"{len(worlds)} worlds, seeds {SEEDS[0]} to {SEEDS[-1]}, {hours:.0f} hours of some 80 workloads behind the warm-up; causal, parameters chosen on other seeds")
    print(f"{'pattern':<20} {'events':>6} {'recall':>7} {'precision':>9} {'wrong/day':>9} {'delay s: median':>15} {'most':>6}   bars: recall >= {RECALL}, precision >= {PRECISION}")
    for name, k in kinds.items():
        recall, told = k["found"] / max(k["events"], 1), k["right"] + k["wrong"]
        precision = k["right"] / told if told else 0.0
        delays = sorted(k["delays"]) or [0]
        well = recall >= RECALL and precision >= PRECISION and (name != "runaway-egress" or delays[-1] <= RUNAWAY_S)
        print(f"{name:<20} {k['events']:>6} {recall:>7.3f} {precision:>9.3f} {k['wrong'] * 24 / hours:>9.2f} {delays[len(delays) // 2]:>15} {delays[-1]:>6}   {'ok' if well else 'MISSED'}")
    print(f"runaway egress: at most {RUNAWAY_S} s from its begin to the finding, bucket closed")
    for line in wrong_said:
        print("  " + line)


main()
