#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Anomalies in series: weirctl model anomaly on the half of the Numenta Anomaly Benchmark, scored by its rule (v1.1).

    tests/eval/nab.py BUILD DATA

Strictly causal: the program reads a file line by line and knows neither its length nor its range. One threshold per profile
for all files: in-sample (chosen on all), and 2-fold (chosen on every other file, by name, applied to the rest, both ways).
"""
import calendar
import csv
import glob
import json
import math
import os
import subprocess
import sys
import time

PROFILES = (("standard", 0.11, 1.0), ("low FP", 0.22, 1.0), ("low FN", 0.11, 2.0))
BAR = 55.0
SEARCHES = 4
SEEDS = ("1", "11", "21")  # of the first of these searches
WORN_SEEDS = "32"
WORN = (("missing", "10 % of values missing"),
        ("faults", "10 % wrong: repeated, two hours late, stuck, a thousand to a million times, or 0"),
        ("spikes", "10 % ten times as large, or 0"))


def sigmoid(x):
    return -1.0 if x > 3 else 2 / (1 + math.exp(5 * x)) - 1


def seconds(text):
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%d %H:%M:%S"))


def worths(n, windows):
    """Of each row behind the probation: (row, window or None, value)."""
    first, k, before = min(int(0.15 * n), 750), 0, None
    for i in range(n):
        while k < len(windows) and i > windows[k][1]:
            before, k = windows[k], k + 1
        if i < first:
            continue
        if k < len(windows) and i >= windows[k][0]:
            left, right = windows[k]
            yield i, k, sigmoid(-(right - i + 1) / (right - left + 1)) / sigmoid(-1)
        else:
            yield i, None, sigmoid((i - before[1]) / (before[1] - before[0])) if before else -1.0


class Set:
    """Files with their scores: all thresholds at once, the highest first."""

    def __init__(self, files):
        self.windows = sum(len(w) for _, w in files)
        self.rows = []
        for f, (scores, windows) in enumerate(files):
            self.rows += [(-scores[i], (f, k), v) for i, k, v in worths(len(scores), windows) if scores[i] > 0]
        self.rows.sort(key=lambda r: r[0])

    def curve(self, fp, fn):
        """(threshold, score) for each threshold, from the one that detects nothing on."""
        raw, best, at = -fn * self.windows, {}, 0
        scale = 100 / ((1 + fn) * self.windows)
        yield math.inf, 0.0
        while at < len(self.rows):
            threshold = self.rows[at][0]
            while at < len(self.rows) and self.rows[at][0] == threshold:
                _, window, value = self.rows[at]
                at += 1
                if window[1] is None:
                    raw += fp * value
                elif window not in best:
                    raw += fn + value
                    best[window] = value
                elif value > best[window]:
                    raw += value - best[window]
                    best[window] = value
            yield -threshold, (raw + fn * self.windows) * scale

    def best(self, fp, fn):
        return max(self.curve(fp, fn), key=lambda x: x[1])

    def at(self, threshold, fp, fn):
        return [s for t, s in self.curve(fp, fn) if t >= threshold][-1]


def check_scorer():
    """By hand: one window, rows 40-49 of 100. Row 40 is worth 1; row 20, before any window, -0.11; row 55 is 6/9 of a window behind
    its end: S = 2 / (1 + e^(10/3)) - 1 = -0.93112. 100 (1 - 0.11 - 0.10242 + 1) / 2 = 89.379."""
    scores = [0.0] * 100
    scores[20] = scores[40] = scores[55] = 0.9
    scores[3] = 1.0
    got = Set([(scores, [(40, 49)])]).at(0.5, 0.11, 1.0)
    assert abs(got - 89.379) < 0.001, got
    assert abs(Set([([0.0] * 100, [(40, 49)])]).best(0.11, 1.0)[1]) < 1e-9


def scored(build, path, windows):
    with open(path, encoding="ascii") as f:
        out = subprocess.run([build + "/weirctl", "model", "anomaly"], stdin=f, check=True, capture_output=True, text=True).stdout
    rows = list(csv.DictReader(out.splitlines()))
    times = [seconds(r["timestamp"]) for r in rows]
    spans = []
    for left, right in windows:
        within = [i for i, t in enumerate(times) if seconds(left) <= t <= seconds(right)]
        spans.append((within[0], within[-1]))
    return [float(r["anomaly_score"]) for r in rows], spans


def write_set(path, names, data, labels):
    """The set as tests/eval/nab/tune.c reads it."""
    with open(path, "w", encoding="ascii") as out:
        for n in names:
            with open(data + "/data/" + n, encoding="ascii") as f:
                rows = [(seconds(r["timestamp"]), r["value"]) for r in csv.DictReader(f)]
            spans = []
            for left, right in labels[n]:
                within = [i for i, (t, _) in enumerate(rows) if seconds(left) <= t <= seconds(right)]
                spans.append((within[0], within[-1]))
            out.write(f"file {os.path.basename(n)} {len(rows)} {len(spans)}\n")
            out.writelines(f"{a} {b}\n" for a, b in spans)
            out.writelines(f"{t} {v}\n" for t, v in rows)


def tuned(build, path, *args):
    return subprocess.Popen([build + "/eval/tune", path, *args], stdout=subprocess.PIPE, text=True)


def lines_of(process):
    """Lines of the tool: what, then numbers."""
    out, _ = process.communicate()
    assert process.returncode == 0, "build/eval/tune failed"
    rows = [line.split() for line in out.splitlines() if not line.startswith("#")]
    return [(r[0], [float(x) for x in r[1:]]) for r in rows]


def held_out(build, path, halves):
    """Constants and threshold chosen on one half, the other half scored once, both ways, weighed by windows."""
    rows = [[], []]
    for seed in SEEDS:
        runs = [tuned(build, path, "search", half, seed, str(SEARCHES)) for half in ("even", "odd")]
        for got, run in zip(rows, runs):
            got += lines_of(run)
    weight = [halves[1].windows, halves[0].windows]

    def both(what, profile, column):
        means = []
        for r in rows:
            found = [v[3 * profile + column] for name, v in r if name == what]
            means.append(sum(found) / len(found))
        return [sum(m * w for m, w in zip(means, weight)) / sum(weight)] + means

    print(f"constants held out: the judge's, the geometric mean of {SEARCHES} searches on one half, from round numbers; they and the threshold applied to the other, mean of {len(SEEDS)} such choices")
    print(f"{'profile':10s} {'2-fold':>7s} {'even>odd':>9s} {'odd>even':>9s} {'chosen on':>10s} {'not searched':>13s}")
    for p, (name, _, _) in enumerate(PROFILES):
        print(f"{name:10s} {both('chosen', p, 2)[0]:7.2f} {both('chosen', p, 2)[1]:9.2f} {both('chosen', p, 2)[2]:9.2f} "
              f"{both('chosen', p, 1)[0]:10.2f} {both('first', p, 2)[0]:13.2f}")
    chosen = [[v[2] for name, v in r if name == "chosen"] for r in rows]
    each = [(a * weight[0] + b * weight[1]) / sum(weight) for a, b in zip(*chosen)]
    print(f"{'':10s} each choice, standard: {', '.join(f'{x:.2f}' for x in each)}")
    whole = both("chosen", 0, 2)[0]
    print(f"{'':10s} bar {BAR:g} (2-fold, constants held out too): {'ok' if whole >= BAR else 'MISSED'}")
    print("the same constants and thresholds on worn data, standard profile, mean of 3 seeds (bar: costs at most 5 %):")
    for what, about in WORN:
        worn = both(what, 0, 2)[0]
        cost = 100 * (1 - worn / whole)
        verdict = "no bar: a lone spike is what the set calls an anomaly" if what == "spikes" else "ok" if cost <= 5 else "MISSED"
        print(f"  {about:88s} {worn:6.2f}, costs {cost:5.1f} %: {verdict}")


def shipped_worn(build, path):
    rows = dict(lines_of(tuned(build, path, "worn", WORN_SEEDS)))
    print(f"the shipped constants and alarm on worn data, all files, standard profile, mean of {WORN_SEEDS} seeds (bar: costs at most 5 %);")
    print(f"in brackets the mean of all thresholds within a tenth of the alarm; clean {rows['clean'][0]:.2f} ({rows['clean'][1]:.2f})")
    for what, about in WORN:
        cost = [100 * (1 - a / b) for a, b in zip(rows[what], rows["clean"])]
        verdict = "no bar" if what == "spikes" else "ok" if cost[0] <= 5 else "MISSED"
        print(f"  {about:88s} {rows[what][0]:6.2f}, costs {cost[0]:5.1f} % ({cost[1]:.1f} %): {verdict}")


def ablation(build, path):
    rows = lines_of(tuned(build, path, "ablate"))
    print("each component left out, the shipped constants, thresholds on a grid of 1/4096: 2-fold and in-sample, standard")
    print("  " + "; ".join(f"{name} {fold:.1f} {all_:.1f}" for name, (fold, all_) in rows))
    return rows[0][1][1]


def main():
    build, data = sys.argv[1], sys.argv[2] + "/nab-half/nab"
    check_scorer()
    with open(data + "/labels/combined_windows.json", encoding="ascii") as f:
        labels = json.load(f)
    names = sorted(p[len(data) + 6:] for p in glob.glob(data + "/data/*/*.csv"))
    files = [scored(build, data + "/data/" + n, labels[n]) for n in names]
    every, halves = Set(files), (Set(files[0::2]), Set(files[1::2]))
    print(f"{len(names)} files, {sum(len(s) for s, _ in files)} rows, {every.windows} windows; scorer checked by a case made by hand")
    print("2-fold = threshold chosen on every other file, applied to the rest; causal: no look ahead")
    print(f"{'profile':10s} {'2-fold':>7s} {'even>odd':>9s} {'odd>even':>9s} {'in-sample':>10s} {'threshold':>10s}")
    for name, fp, fn in PROFILES:
        cross = [halves[1 - i].at(halves[i].best(fp, fn)[0], fp, fn) for i in (0, 1)]
        both = sum(c * halves[1 - i].windows for i, c in enumerate(cross)) / every.windows
        threshold, best = every.best(fp, fn)
        print(f"{name:10s} {both:7.2f} {cross[0]:9.2f} {cross[1]:9.2f} {best:10.2f} {threshold:10.4f}")
        if name == "standard":
            verdict = "ok" if both >= BAR else "MISSED"
            print(f"{'':10s} bar {BAR:g} (2-fold): {verdict}")
    print("the shipped constants were chosen on these files, both halves: the table above flatters; the next does not")
    path = build + "/eval/nab.set"
    write_set(path, names, data, labels)
    held_out(build, path, halves)
    shipped_worn(build, path)
    inside = ablation(build, path)
    assert abs(inside - every.best(0.11, 1.0)[1]) < 1.0, "two scorers disagree"
    print("published on all 58 files, in-sample, standard / low FP / low FN, all with the file's range and length known before:")
    print("  ARTime 74.9 / 65.1 / 80.4 (2-fold 73.4); Numenta HTM 70.1 / 63.1 / 74.3; CAD OSE 69.9 / 67.0 / 73.2; KNN CAD 58.0 / 43.4 / 64.8;")
    print("  Random Cut Forest 51.7 / 38.4 / 59.7; Windowed Gaussian 39.6 / 20.9 / 47.4. Causal, measured: CAD OSE 53.9 (2-fold 52.9); robust z 45.0 (43.6)")


if __name__ == "__main__":
    main()
