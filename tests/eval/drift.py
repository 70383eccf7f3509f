#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Drift of series: how late weirctl model anomaly --explain tells a shift, and how often there was none.

    tests/eval/drift.py BUILD DATA

Series are made here, seeded: white noise, a day's wave, and a week's pattern with weekends, in hours and in five minutes. Each
runs for WEEKS weeks without a shift, where every drift of the mean that is told is a false alarm; and again with a shift
of so many deviations of its noise in the middle of the sixth week, where the delay is counted in values.
"""
import csv
import math
import random
import subprocess
import sys

WEEKS = 8
START = 1790553600  # a Monday
WORLDS = (("white noise, hours", 3600, "flat", 0.0, 12), ("day's wave, hours", 3600, "day", 0.0, 12),
          ("week's pattern, hours", 3600, "week", 0.0, 12), ("week's pattern, hours, correlated by 0.5", 3600, "week", 0.5, 12),
          ("week's pattern, five minutes", 300, "week", 0.0, 3))
SHIFTS = (1, 2, 3)
ALARMS_MAX, DELAY_MAX = 1.0, 30.0  # in 10^5 values; values, of 3 deviations


def series(seed, step_s, kind, hangs, shift):
    r = random.Random(seed)
    noise, rows = 0.0, []
    count = WEEKS * 7 * 86400 // step_s
    at = (5 * 7 + 3) * 86400 // step_s + 86400 // step_s // 2
    for i in range(count):
        day, second = i * step_s // 86400 % 7, i * step_s % 86400
        v = 100.0 if kind == "flat" else 100 - 60 * math.cos(2 * math.pi * second / 86400)
        if kind == "week" and day >= 5:
            v /= 3
        noise = hangs * noise + 5 * math.sqrt(1 - hangs * hangs) * r.gauss(0, 1)
        rows.append((START + i * step_s, v + noise + (5 * shift if shift and i >= at else 0)))
    return rows, at


def told(build, rows):
    """Rows at which a drift of the mean was told."""
    text = "timestamp,value\n" + "".join(f"{t},{v!r}\n" for t, v in rows)
    out = subprocess.run([build + "/weirctl", "model", "anomaly", "--explain"], input=text, check=True, capture_output=True, text=True)
    return [i for i, r in enumerate(csv.DictReader(out.stdout.splitlines())) if "drift: the mean" in r["why"]]


def main():
    build, ok = sys.argv[1], True
    head = "  ".join(f"{s} dev" for s in SHIFTS)
    print(f"delay in values, mean of what was told within the week (told of trials), at the false alarms of {WEEKS} weeks in 10^5 values")
    print(f"{'':42s} {'values':>7s} {'false':>5s} {'in 10^5':>8s}   {head}")
    for name, step_s, kind, hangs, trials in WORLDS:
        alarms, values, delays = 0, 0, []
        for seed in range(trials):
            rows, _ = series(seed, step_s, kind, hangs, 0)
            alarms += len(told(build, rows))
            values += len(rows)
        for shift in SHIFTS:
            late = []
            for seed in range(trials):
                rows, at = series(1000 + seed, step_s, kind, hangs, shift)
                found = [i - at + 1 for i in told(build, rows) if at <= i < at + 7 * 86400 // step_s]
                late += found[:1]
            delays.append((sum(late) / len(late) if late else math.inf, len(late)))
        rate = alarms * 1e5 / values
        ok = ok and rate <= ALARMS_MAX and delays[2][0] <= DELAY_MAX and delays[2][1] == trials
        text = "  ".join(f"{d:.1f} ({n}/{trials})" for d, n in delays)
        print(f"{name:42s} {values:7d} {alarms:5d} {rate:8.2f}   {text}")
    print(f"bar: at most {ALARMS_MAX:g} false alarm in 10^5 values, a shift of 3 deviations always told, within {DELAY_MAX:g} values in the mean: "
          f"{'ok' if ok else 'MISSED'}")


if __name__ == "__main__":
    main()
