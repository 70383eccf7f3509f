#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the pool of forecasters scores ahead of the test values, where its constants are chosen: 48 hours at eight ends of
M4 Hourly's training part, a day apart; all days of CESNET ahead of the 28 that tests/eval/forecast.py scores; generated
sets. No test value is read here. With WEIR_LONG=1 the search that chose what is in
lib/model/pool_constants.c (tests/eval/pool) is run again.

    tests/eval/pool.py BUILD DATA
"""
import csv
import importlib.util
import os
import subprocess
import sys

ENDS, DAYS_SCORED, WINDOW = 8, 28, 8 * 7 * 24


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(values):
    return f"{len(values)} " + " ".join(f"{v:.10g}" for v in values) + "\n"


def m4(f, data, rules):
    train = rules.rows_of(data + "/m4-hourly-half/m4-hourly/Hourly-train.csv")
    h = rules.HORIZON
    for end in range(ENDS):
        seen = [v[:len(v) - 24 * end] for v in train.values()]
        base = [rules.naive2(v[:-h], h) for v in seen]
        smape = rules.mean([rules.smape(v[-h:], b) for v, b in zip(seen, base)])
        mase = rules.mean([rules.mase(v[-h:], b, rules.scale_of(v[:-h])) for v, b in zip(seen, base)])
        f.write(f"set m4 {h} {len(seen)} {smape:.10g} {mase:.10g}\n" + "".join(line(v) for v in seen))


def cesnet(f, data):
    with open(data + "/cesnet/cesnet_ts24_ip103_hourly.csv", encoding="ascii", newline="") as table:
        rows = list(csv.DictReader(table))[:-24 * DAYS_SCORED]
    for end in range(len(rows), WINDOW + 23, -24):
        f.write("set cesnet 24 2 0 0\n")
        for column in ("n_bytes", "n_flows"):
            f.write(line([float(r[column]) for r in rows[end - 24 - WINDOW:end]]))


def ask(build, path, *options):
    """Prints each version as a row; the constants of the last one that is "shipped", and of the one that is "chosen"."""
    found = {}
    with subprocess.Popen([build + "/eval/choose", path, *options], stdout=subprocess.PIPE, text=True) as process:
        for text in process.stdout:
            scores, constants = text.strip().split(": ")
            name, *rest = scores.split()
            score = dict(zip(rest[::2], map(float, rest[1::2])))
            print(f"{name:<8} {score['owa']:7.4f} {score['bytes']:8.4f} {score['flows']:8.4f} {score['made']:10.4f} {score['worst']:8.4f}  {constants}",
                  flush=True)
            found[name] = (score, constants)
    assert process.returncode == 0, "build/eval/choose failed"
    return found


def main():
    build, data = sys.argv[1:]
    path, search, rules = data + "/pool-sets", ["search"] if os.environ.get("WEIR_LONG") else [], load("forecast")
    with open(path, "w", encoding="ascii") as f:
        m4(f, data, rules)
        cesnet(f, data)
    print("The pool ahead of the test values: OWA of M4 Hourly at eight ends of its training part, MASE of CESNET on the days before "
          "those scored,\nerror over that of the naive forecast on 24 generated sets (mean, and the worst kind of any)")
    print(f"{'':<8} {'M4':>7} {'bytes':>8} {'flows':>8} {'generated':>10} {'worst':>8}  constants")
    found = ask(build, path, *search)
    os.unlink(path)
    rules.bar("the worst kind of generated series, times naive", found["shipped"][0]["worst"], 1.05)
    if search:
        rules.bar("constants where the search ends elsewhere", found["shipped"][1] != found["chosen"][1], 0)


if __name__ == "__main__":
    main()
