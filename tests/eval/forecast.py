#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Forecasts: weirctl model forecast on the half of M4 Hourly and on CESNET's hourly series, scored by the rules of the
M4 competition. Everything is learnt and chosen on the training part; the test values are read here, once. Each bar
has a line of its own, "ok" or "MISSED".

    tests/eval/forecast.py BUILD DATA [--m4-only] [OPTION of weirctl model forecast...]
"""
import csv
import datetime
import math
import os
import random
import subprocess
import sys

HORIZON, SEASON, LEVEL = 48, 24, 95
# Where CESNET is, by Czech law, in the months of the data: all of them, whatever the series show.
HOLIDAYS = ("2023-10-28,2023-11-17,2023-12-24,2023-12-25,2023-12-26,2024-01-01,2024-03-29,2024-04-01,2024-05-01,2024-05-08,"
            "2024-07-05,2024-07-06")


def rows_of(path):
    with open(path, encoding="ascii", newline="") as f:
        lines = list(csv.reader(f))
    return {r[0]: [float(v) for v in r[1:] if v != ""] for r in lines if r and not r[1].startswith("V")}


def forecast(build, train, horizon, options):
    command = [build + "/weirctl", "model", "forecast", "--train", train, "--horizon", str(horizon), "--season", "24,168",
               "--interval", str(LEVEL)] + options
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def parsed(out, horizon):
    rows = {}
    for line in out.splitlines():
        name, *values = line.split(",")
        if values[0].startswith("V"):
            continue
        v = [float(x) for x in values]
        rows[name] = (v[:horizon], v[horizon:2 * horizon], v[2 * horizon:])
    return rows


def naive2(y, h, m=SEASON):
    """M4's own: classical multiplicative decomposition where the autocorrelation at m is significant, then naive."""
    n, mean = len(y), sum(y) / len(y)
    var = sum((v - mean) ** 2 for v in y)
    acf = [sum((y[i] - mean) * (y[i - k] - mean) for i in range(k, n)) / var if var else 0 for k in range(1, m + 1)]
    limit = 1.645 / math.sqrt(n) * math.sqrt(1 + 2 * sum(a * a for a in acf[:m - 1]))
    if n < 3 * m or abs(acf[m - 1]) <= limit:
        return [y[-1]] * h
    half, ratios = m // 2, [[] for _ in range(m)]
    for t in range(half, n - half):
        trend = (sum(y[t - half + 1:t + half]) + (y[t - half] + y[t + half]) / 2) / m
        ratios[t % m].append(y[t] / trend)
    index = [sum(r) / len(r) for r in ratios]
    index = [v / (sum(index) / m) for v in index]
    level = y[-1] / index[(n - 1) % m]
    return [level * index[(n + i) % m] for i in range(h)]


def scale_of(y, m=SEASON):
    return sum(abs(y[i] - y[i - m]) for i in range(m, len(y))) / (len(y) - m)


def smape(y, f):
    return sum(200 * abs(a - b) / (abs(a) + abs(b)) if a or b else 0 for a, b in zip(y, f)) / len(y)


def mase(y, f, scale):
    return sum(abs(a - b) for a, b in zip(y, f)) / len(y) / scale


def msis(y, lower, upper, scale, alpha=1 - LEVEL / 100):
    return sum(u - l + 2 / alpha * (max(l - a, 0) + max(a - u, 0)) for a, l, u in zip(y, lower, upper)) / len(y) / scale


def mean(values):
    return sum(values) / len(values)


def bar(what, value, most, least=-math.inf):
    """One line for one bar, with the verdict."""
    bounds = f"{least:g} to {most:g}" if least > -math.inf else f"at most {most:g}"
    print(f"  {what:<58} {value:8.3f}   {bounds:<14} {'ok' if least <= value <= most else 'MISSED'}", flush=True)


def spoilt(train, path, how):
    """A tenth of the training values removed, or multiplied by 10 or by 0; the same ones each time."""
    rng = random.Random(1)
    with open(path, "w", encoding="ascii") as f:
        for name, values in train.items():
            out = [str(v) if rng.random() >= 0.1 else ["", str(10 * v), "0"][0 if how == "removed" else rng.randrange(3)] for v in values[:-1]]
            f.write(",".join([name] + out + [str(values[-1])]) + "\n")
    return path


def m4(build, data, options):
    folder = data + "/m4-hourly-half/m4-hourly"
    train, test = rows_of(folder + "/Hourly-train.csv"), rows_of(folder + "/Hourly-test.csv")
    scale = {k: scale_of(v) for k, v in train.items()}
    base = {k: naive2(v, HORIZON) for k, v in train.items()}
    base_smape, base_mase = mean([smape(test[k], base[k]) for k in test]), mean([mase(test[k], base[k], scale[k]) for k in test])

    def row(name, path, model):
        got = parsed(forecast(build, path, HORIZON, model), HORIZON)
        s, a = mean([smape(test[k], got[k][0]) for k in test]), mean([mase(test[k], got[k][0], scale[k]) for k in test])
        inside = mean([sum(l <= y <= u for y, l, u in zip(test[k], got[k][1], got[k][2])) / HORIZON for k in test])
        wide = mean([msis(test[k], got[k][1], got[k][2], scale[k]) for k in test])
        owa = (s / base_smape + a / base_mase) / 2
        print(f"{name:<18} {s:7.3f} {a:6.3f} {owa:6.3f} {wide:7.3f} {100 * inside:8.2f}", flush=True)
        return owa, a, wide, 100 * inside

    print(f"M4 Hourly, {len(test)} of 414 series, h={HORIZON}; held out: everything learnt and chosen on the training part")
    print("anchors (all 414): Naive2 18.383/2.395/1.000, sNaive 13.912/1.193/.627, ES-RNN 9.328/.893/.440, Card 8.913/.801/.410;"
          " MSIS Card 6.139, ARIMA 7.538")
    print(f"{'model':<18} {'sMAPE':>7} {'MASE':>6} {'OWA':>6} {'MSIS':>7} {'cover %':>8}")
    print(f"{'Naive2':<18} {base_smape:7.3f} {base_mase:6.3f} {1:6.3f}")
    if options:
        row(" ".join(options), folder + "/Hourly-train.csv", options)
        return
    alone = {name: row(name, folder + "/Hourly-train.csv", ["--model", name])
             for name in ("snaive", "linear", "mstl", "arima", "theta", "ets", "prophet", "cycle")}
    whole = row("mix", folder + "/Hourly-train.csv", [])
    worse = {how: row("mix, 10 % " + how, spoilt(train, data + "/m4-spoilt.csv", how), [])[0] for how in ("removed", "corrupted")}
    os.unlink(data + "/m4-spoilt.csv")
    bar("OWA of mix", whole[0], 0.46)
    bar("MASE of mix over that of seasonal naive", whole[1] / alone["snaive"][1], 1.05)
    bar("MSIS of mix, intervals of 95 %", whole[2], 7.5)
    bar("values inside them, %", whole[3], 96.5, 93.5)
    bar("OWA with 10 % of the training values removed, times", worse["removed"] / whole[0], 1.05)
    bar("the same, a third each removed, ten times too large, 0", worse["corrupted"] / whole[0], 1.05)


def cesnet(build, data, options):
    """28 daily origins, h=24, the 8 weeks before each; flows and bytes of one address are one set of two series. The bars
    are of the forecast without a calendar, as the anchors are; what it is when told the public holidays stands beside."""
    with open(data + "/cesnet/cesnet_ts24_ip103_hourly.csv", encoding="ascii", newline="") as f:
        table = list(csv.DictReader(f))
    with open(data + "/cesnet/cesnet_times_1_hour.csv", encoding="ascii", newline="") as f:
        times = {r["id_time"]: datetime.datetime.fromisoformat(r["time"]) for r in csv.DictReader(f)}
    window, origins, errors = 8 * 7 * 24, 28, {}
    for o in range(origins):
        end = len(table) - (origins - o) * 24
        path = data + "/cesnet-train.csv"
        with open(path, "w", encoding="ascii") as f:
            for column in ("n_bytes", "n_flows"):
                f.write(column + "," + ",".join(r[column] for r in table[end - window:end]) + "\n")
        start = times[table[end - 1]["id_time"]] - datetime.timedelta(hours=window - 1)
        told = ["--start", start.strftime("%Y-%m-%dT%H:%M:%SZ"), "--step", "1h", "--holidays", HOLIDAYS]
        for name, model in [("snaive", ["--model", "snaive"]), ("mix", options), ("mix, holidays", options + told)]:
            got = parsed(forecast(build, path, 24, model), 24)
            for column in got:
                y = [float(r[column]) for r in table[end - window:end + 24]]
                e = errors.setdefault((column, name), [])
                e.append((mase(y[window:], got[column][0], scale_of(y[:window])), smape(y[window:], got[column][0]),
                          sum(l <= v <= u for v, l, u in zip(y[window:], got[column][1], got[column][2])) / 24))
    os.unlink(data + "/cesnet-train.csv")
    print(f"CESNET-TS24, one address, hourly, {origins} daily origins, h=24, 8 weeks of training; causal")
    print("anchors bytes/flows MASE: sNaive24 .687/.692, MSTL+ETS .530/.700, MSTL+ARIMA .496/.473")
    for (column, name), e in sorted(errors.items()):
        print(f"{column:<8} {name:<13} MASE {mean([x[0] for x in e]):.3f}  sMAPE {mean([x[1] for x in e]):6.2f}  cover {100 * mean([x[2] for x in e]):.1f} %")
    if options:
        return
    for column, most in (("n_bytes", 0.5), ("n_flows", 0.48)):
        told, untold, naive = (mean([x[0] for x in errors[column, name]]) for name in ("mix, holidays", "mix", "snaive"))
        bar(f"MASE of mix (told the holidays {told:.3f}), {column}", untold, most)
        bar(f"MASE of mix over that of seasonal naive, {column}", untold / naive, 1.05)


def main():
    build, data, *options = sys.argv[1:]
    only = "--m4-only" in options
    options = [o for o in options if o != "--m4-only"]
    m4(build, data, options)
    if not only:
        cesnet(build, data, options)


if __name__ == "__main__":
    main()
