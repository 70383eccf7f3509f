#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Isolation forest: weirctl model iforest on six sets of ADBench, AUROC over ten seeds beside scikit-learn's; over twenty, so
that it is seen what a mean of ten is worth. Unsupervised and in-sample, as published: learnt from all rows without their labels, scored on the same rows.

    tests/eval/iforest.py BUILD DATA [SET...]
"""
import array
import ast
import concurrent.futures
import math
import os
import subprocess
import sys
import zipfile

SEEDS, MORE = range(1, 11), range(11, 21)
# scikit-learn 1.2.1, 100 trees of 256 rows: mean of 3-5 seeds, and where a mean of so few says little, of the seeds 1-40 of
# IsolationForest(n_estimators=100, max_samples=256, random_state=seed), which is what is aimed at; isotree 0.6.1, cuts of two features.
ANCHORS = {"16_http": (.9993, None, 1.0), "10_cover": (.8825, None, .947), "32_shuttle": (.9970, None, .997),
           "23_mammography": (.8612, .8606, .8637), "38_thyroid": (.978, .9778, None), "6_cardio": (.932, .9260, None)}
TOLERANCE, COVER = .01, .94
CODES = {"<f8": "d", "<f4": "f", "<i8": "q", "|i1": "b", "|u1": "B", "<i4": "i", "<i2": "h", "|b1": "B", "<u2": "H"}


def npy(blob):
    """numpy's own format: magic, version, length of a header that is a Python literal, the numbers."""
    wide = blob[6] > 1
    begin = 12 if wide else 10
    size = int.from_bytes(blob[8:begin], "little")
    header = ast.literal_eval(blob[begin:begin + size].decode("latin1"))
    values = array.array(CODES[header["descr"]])
    values.frombytes(blob[begin + size:])
    if header["fortran_order"] and len(header["shape"]) > 1:
        n, width = header["shape"]
        values = [values[j * n + i] for i in range(n) for j in range(width)]
    return values, header["shape"]


def unpack(path, to):
    """The rows as CSV; the labels are returned."""
    with zipfile.ZipFile(path) as z:
        values, (n, width) = npy(z.read("X.npy"))
        labels, _ = npy(z.read("y.npy"))
    with open(to + ".new", "w", encoding="ascii") as f:
        for i in range(n):
            f.write(",".join(map(repr, values[i * width:(i + 1) * width])) + "\n")
    os.replace(to + ".new", to)
    return bytes(int(v) for v in labels), width


def auroc(scores, labels):
    """Mann and Whitney's U, ties by mean ranks."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks, i = 0.0, 0
    while i < len(order):
        end = i
        while end < len(order) and scores[order[end]] == scores[order[i]]:
            end += 1
        ranks += sum(labels[order[k]] for k in range(i, end)) * (i + 1 + end) / 2
        i = end
    ones = sum(labels)
    return (ranks - ones * (ones + 1) / 2) / (ones * (len(labels) - ones))


def one(job):
    build, csv, labels, seed, options = job
    out = subprocess.run([build + "/weirctl", "model", "iforest", "--train", csv, "--score", csv, "--seed", str(seed)] + options,
                         check=True, capture_output=True, text=True).stdout
    return auroc(array.array("d", map(float, out.split())), labels)


def spread(values):
    m = sum(values) / len(values)
    return m, math.sqrt(sum((v - m) ** 2 for v in values) / (len(values) - 1))


def main():
    build, data, *wanted = sys.argv[1:]
    missed = []
    print(f"ADBench, six sets, unsupervised, in-sample: learnt without labels, all rows scored; seeds {SEEDS[0]}-{SEEDS[-1]}, 100 trees of 256 rows")
    print(f"{'set':<15} {'rows':>7} {'d':>3} {'AUROC':>7} {'sd':>6} {'sklearn':>8} {'diff':>7} {'of 40':>7} {'diff':>7}  {'of 20':>7} {'+-':>6}   {'extended':>8} {'sd':>6} {'isotree2':>8}")
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        for name, (anchor, forty, isotree) in ANCHORS.items():
            if wanted and name not in wanted:
                continue
            csv = f"{data}/iforest-{name}.csv"
            labels, width = unpack(f"{data}/adbench-six/adbench/{name}.npz", csv)
            jobs = [(build, csv, labels, seed, options) for options in ([], ["--extended"]) for seed in SEEDS]
            jobs += [(build, csv, labels, seed, []) for seed in MORE]
            got = list(pool.map(one, jobs))
            os.unlink(csv)
            (plain, sd), (extended, xsd) = spread(got[:len(SEEDS)]), spread(got[len(SEEDS):2 * len(SEEDS)])
            twenty, tsd = spread(got[:len(SEEDS)] + got[2 * len(SEEDS):])
            beside = f"{forty:7.4f} {plain - forty:+7.4f}" if forty else f"{'-':>7} {'-':>7}"
            print(f"{name:<15} {len(labels):7} {width:3} {plain:7.4f} {sd:6.4f} {anchor:8.4f} {plain - anchor:+7.4f} {beside}  {twenty:7.4f} {tsd / math.sqrt(20):6.4f}   "
                  f"{extended:8.4f} {xsd:6.4f} {isotree if isotree else '-':>8}", flush=True)
            if (forty or anchor) - plain > TOLERANCE:
                missed.append(f"{name} is {(forty or anchor) - plain:.4f} below scikit-learn")
            elif anchor - plain > TOLERANCE:
                print(f"{'':15} {anchor - plain:.4f} below scikit-learn's mean of 3-5 seeds, which lies {anchor - forty:.4f} above its mean of 40")
            if name == "10_cover" and extended < COVER:
                missed.append(f"extended on cover is below {COVER}")
    print(f"bars: within {TOLERANCE} of scikit-learn, extended on cover >= {COVER}: {'; '.join(missed) if missed else 'held'}")


if __name__ == "__main__":
    main()
