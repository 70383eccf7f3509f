#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The LSTM on the half of M4 Hourly, beside the anchors and the linear map, which it is expected to lose against
(tests/eval/lstm.py BUILD DATA). Its parameters were chosen on the last 48 and 96 values of the training part."""
import resource
import sys

sys.dont_write_bytecode = True
from forecast import m4  # noqa: E402  (the scorer of tests/eval/forecast.py: the same rules, table and anchors)


def main():
    build, data = sys.argv[1:3]
    m4(build, data, ["--model", "linear"])
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    m4(build, data, ["--model", "lstm"])
    took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    print(f"lstm: one network, two trainings, 207 forecasts: {took:.0f} s of one core (at most 120)")


if __name__ == "__main__":
    main()
