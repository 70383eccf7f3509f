#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Totals of months: weirctl model total on generated hourly costs of teams, asked at days 3, 7, 14 and 21 what the month's end
will be, beside the straight line (spent / elapsed) and the last week repeated.

    tests/eval/month.py BUILD DATA [SEED [MONTHS]]

The series are made here, seeded: days, weeks, trends, deploys that change the level, batches at the month's end, holidays, spikes, a
workload that is new, one that ended, noise that lasts days. What the interval of weirctl is tuned by was chosen on seeds 1001 to 1005.
"""
import csv
import io
import math
import random
import subprocess
import sys
from datetime import datetime, timedelta, timezone

DAYS = (3, 7, 14, 21)
WEEKS = 8  # of history that a budget has, at most
UTC = timezone.utc


def month_of(dice):
    year, number = dice.choice((2025, 2026)), dice.randrange(12)
    begin = datetime(year, number + 1, 1, tzinfo=UTC)
    return begin, datetime(year + (number == 11), (number + 1) % 12 + 1, 1, tzinfo=UTC)


def shape_of(dice):
    """Of a day: office hours, evenings, nights, or flat."""
    kind = dice.choice(("office", "evening", "night", "flat"))
    peak = {"office": 14, "evening": 20, "night": 3, "flat": 12}[kind]
    wide, high = dice.uniform(2.5, 5), 0.15 if kind == "flat" else dice.uniform(0.8, 4)
    return [1 + high * math.exp(-((min(abs(h - peak), 24 - abs(h - peak))) / wide) ** 2) for h in range(24)]


class Event:
    """What a month has in it, by chance; hour numbers."""

    def __init__(self, dice, hours, month):
        def anywhere():
            return dice.randrange(24, hours - 24)

        self.steps = [(anywhere(), dice.choice((0.75, 0.85, 0.92, 1.08, 1.18, 1.35))) for _ in range(dice.choice((0, 0, 0, 1, 1, 2)))]
        self.spikes = [(anywhere(), dice.randrange(1, 7), dice.uniform(2, 6)) for _ in range(dice.choice((0, 0, 1, 2, 4)))]
        self.holidays = {dice.randrange(hours // 24) for _ in range(dice.choice((0, 1, 2, 3)))}
        self.batch = dice.uniform(0.3, 1.5) if dice.random() < 0.25 else 0
        self.new = (anywhere(), dice.uniform(0.05, 0.35)) if dice.random() < 0.15 else None
        self.gone = (anywhere(), dice.uniform(0.05, 0.35)) if dice.random() < 0.15 else None
        self.trend = dice.gauss(0, 0.0012) if dice.random() < 0.5 else 0.0  # a day
        self.month = month


def team(dice, begin, end):
    """Hourly costs from WEEKS before the month to its end, and how many are before it."""
    before = 168 * WEEKS if dice.random() < 0.8 else 24 * dice.randrange(2, 21)  # some teams are new
    hours = before + int((end - begin).total_seconds()) // 3600
    event, shape = Event(dice, hours, (begin, end)), shape_of(dice)
    weekend, level, rough = dice.uniform(0.3, 1.1), math.exp(dice.uniform(-2, 4)), dice.uniform(0.01, 0.06)
    slow, noise, values = 0.0, dice.uniform(0.03, 0.2), []
    first = begin - timedelta(hours=before)
    for i in range(hours):
        now = first + timedelta(hours=i)
        if i % 24 == 0:
            slow = 0.8 * slow + dice.gauss(0, rough)
        w = shape[now.hour] * (weekend if now.weekday() >= 5 or i // 24 in event.holidays else 1)
        w *= math.exp(slow + event.trend * i / 24 + dice.gauss(0, noise))
        for at, by in event.steps:
            w *= by if i >= at else 1
        for at, lasts, by in event.spikes:
            w *= by if at <= i < at + lasts else 1
        w *= 1 + event.batch * ((now + timedelta(days=2)).month != now.month)  # the last two days
        w *= 1 + (event.new[1] if event.new and i >= event.new[0] else 0)
        w *= 1 - (event.gone[1] if event.gone and i >= event.gone[0] else 0)
        values.append(level * w)
    return values, before


def crossing(values, amount):
    """Hours until the sum of values is above the amount; infinite: it is not."""
    total = 0.0
    for i, v in enumerate(values):
        total += v
        if total > amount:
            return i + 1
    return math.inf


def asked(build, past, elapsed, left, amount, begin):
    start = (begin + timedelta(hours=elapsed - len(past))).strftime("%Y-%m-%dT%H:%M:%SZ")
    out = subprocess.run([build + "/weirctl", "model", "total", "--train", "-", "--hours", str(left), "--elapsed", str(elapsed),
                          "--amount", f"{amount:.9g}", "--start", start], input="team," + ",".join(f"{v:.9g}" for v in past) + "\n",
                         check=True, capture_output=True, text=True).stdout
    row = next(csv.DictReader(io.StringIO(out)))
    return {k: v if k in ("id", "basis") else float(v) if v else math.inf for k, v in row.items()}


class Tally:
    """Of one way to forecast at one day: errors of totals, of crossings, and what intervals held."""

    def __init__(self):
        self.total, self.days, self.right, self.held, self.held95, self.held_cross, self.alerts = [], [], [], [], [], [], []

    def add(self, mean, total, crosses, truth):
        self.total.append(abs(mean - total) / total)
        self.right.append((crosses < math.inf) == (truth < math.inf))
        if crosses < math.inf and truth < math.inf:
            self.days.append(abs(crosses - truth) / 24)


def mean(values, by=1.0):
    return by * sum(values) / len(values) if values else math.nan


def look(build, dice, tallies):
    begin, end = month_of(dice)
    values, before = team(dice, begin, end)
    month = values[before:]
    total, amount = sum(month), sum(month) * dice.uniform(0.8, 1.15)
    for day in DAYS:
        past, rest, spent = values[:before + 24 * day], month[24 * day:], sum(month[:24 * day])
        truth = crossing(rest, amount - spent) if spent <= amount else 0
        said = asked(build, past, 24 * day, len(rest), amount, begin)
        pace = spent / (24 * day)
        week = [past[len(past) - 168 + i % 168] if len(past) >= 168 else pace for i in range(len(rest))]
        for way, ahead in (("line", [pace] * len(rest)), ("week", week)):
            tallies[day, way].add(spent + sum(ahead), total, crossing(ahead, amount - spent), truth)
        t = tallies[day, "total"]
        t.add(said["mean"], total, said["crosses_h"], truth)
        t.held.append(said["lower80"] <= total <= said["upper80"])
        t.held95.append(said["lower95"] <= total <= said["upper95"])
        t.alerts.append((said["crosses_h"] < math.inf, said["late_h"] < math.inf, truth < math.inf))
        t.held_cross.append(said["early_h"] <= truth <= said["late_h"])


def main(build, _, seed="1", months="400"):
    dice, names = random.Random(int(seed)), {"total": "weirctl model total", "line": "straight line", "week": "last week again"}
    tallies = {(day, way): Tally() for day in DAYS for way in names}
    for _ in range(int(months)):
        look(build, dice, tallies)
    print(f"{months} generated months (seed {seed}), {WEEKS} weeks of history or, of a fifth of the teams, 2 to 20 days; held out, causal")
    print(f"{'asked at day':<14}{'by':<22}{'error of the total':>19}{'in 80 %':>9}{'in 95 %':>9}{'passes: right':>15}{'days off':>10}"
          f"{'in 80 %':>9}")
    missed = []
    for day in DAYS:
        for way, name in names.items():
            t = tallies[day, way]
            bounds = f"{mean(t.held, 100):8.1f}%{mean(t.held95, 100):8.1f}%" if t.held else f"{'':18}"
            cross = f"{mean(t.held_cross, 100):8.1f}%" if t.held else ""
            print(f"{day:<14}{name:<22}{mean(t.total, 100):18.2f}%{bounds}{mean(t.right, 100):14.1f}%{mean(t.days):10.2f}{cross}")
            if t.held and not 75 <= mean(t.held, 100) <= 85:
                missed.append(f"day {day}: {mean(t.held, 100):.1f} % in intervals of 80 %")
    for name, by in (("mean", 0), ("lower bound (budgets' on: forecast)", 1)):
        print(f"an alert when the {name} is above the amount, at day " + ", ".join(
            f"{day}: {mean([t for *said, t in a if said[by]], 100):.0f} % true, {mean([said[by] for *said, t in a if t], 100):.0f} % of those that pass"
            for day in DAYS for a in [tallies[day, "total"].alerts]))
    every = [h for day in DAYS for h in tallies[day, "total"].held]
    print(f"all days: {mean(every, 100):.1f} % in intervals of 80 % (bar 75 to 85 %)" + "".join(f"; MISSED at {m}" for m in missed))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
