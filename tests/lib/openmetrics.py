#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads metrics as strictly as OpenMetrics 1.0 is written: openmetrics.py SOCKET [EXPRESSION].

Asks SOCKET for /metrics, in the newer format, and checks every line. `m` in the Python expression is a dict of
(sample, frozenset of label pairs) -> value, `one(sample, **labels)` the value of the only sample with at least
these labels; what it comes to is printed. Exit 1 when a rule is broken, said as "line N: which", or the
expression is false.
"""
import http.client
import re
import socket
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL})(?:,{LABEL})*)\}})? (\S+)")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|Inf)|NaN")
SUFFIXES = {"gauge": [""], "counter": ["_total"], "info": ["_info"], "histogram": ["_bucket", "_count", "_sum"]}


class Broken(Exception):
    """A rule of the format."""


class Reader:
    """One exposition."""

    def __init__(self):
        self.samples = {}
        self.families = {}  # name -> type
        self.name = None
        self.seen = ()  # of the family under way: TYPE, UNIT, HELP, samples
        self.buckets = []

    def describe(self, line):
        """A line that begins with #."""
        word, _, rest = line[2:].partition(" ")
        name, _, text = rest.partition(" ")
        if word not in ("TYPE", "UNIT", "HELP") or line[:2] != "# " or not re.fullmatch(NAME, name):
            raise Broken("no description that is known")
        if word == "TYPE":
            self.end()
            if name in self.families:
                raise Broken("a family comes twice")
            if text not in SUFFIXES:
                raise Broken("a type that is not known")
            if name.endswith(("_total", "_info", "_bucket", "_count", "_sum")):
                raise Broken("a family's name has a sample's suffix")
            self.families[name], self.name, self.seen = text, name, ("TYPE",)
            return
        if name != self.name or word in self.seen or "sample" in self.seen:
            raise Broken("it does not belong here")
        if word == "UNIT" and not name.endswith("_" + text):
            raise Broken("the name does not end with the unit")
        if word == "HELP" and (not text or re.search(r'\\[^\\n"]', text)):
            raise Broken("help without a text, or a stray backslash")
        self.seen += (word,)

    def end(self):
        """A family ends."""
        if self.name and "HELP" not in self.seen:
            raise Broken(f"{self.name} has no help")
        if self.name and self.families[self.name] == "histogram" and "sample" in self.seen:
            if not self.buckets or self.buckets[-1][0] != "+Inf" or self.buckets != sorted(
                    self.buckets, key=lambda b: (float(b[0].replace("+Inf", "inf")), b[1])):
                raise Broken(f"{self.name}: buckets do not rise to +Inf")
        self.buckets = []

    def sample(self, line):
        """A line that is a value."""
        match = SAMPLE.fullmatch(line)
        if not match:
            raise Broken("no sample")
        name, labels, value = match[1], match[2], line.rsplit(" ", 1)[1]
        kind = self.families.get(self.name)
        if kind is None or name not in [self.name + s for s in SUFFIXES[kind]]:
            raise Broken("a sample outside of its family")
        if not NUMBER.fullmatch(value):
            raise Broken("no number")
        pairs = [(k, v) for k, v in re.findall(LABEL, labels or "")]
        if len({k for k, _ in pairs}) != len(pairs):
            raise Broken("a label comes twice")
        if kind == "counter" and (value.startswith("-") or "N" in value):
            raise Broken("a counter below zero")
        if kind == "info" and value != "1":
            raise Broken("an info that is not 1")
        if name.endswith("_bucket"):
            self.buckets.append((dict(pairs)["le"], float(value)))
        key = (name, frozenset(pairs))
        if key in self.samples:
            raise Broken("a sample comes twice")
        self.samples[key] = float(value)
        self.seen += ("sample",)

    def read(self, text):
        """All of it."""
        if not text.endswith("# EOF\n"):
            raise Broken("it does not end with # EOF")
        lines = text[:-len("# EOF\n")].splitlines(keepends=True)
        for number, line in enumerate(lines, 1):
            try:
                if not line.endswith("\n") or line == "\n" or line == "# EOF\n":
                    raise Broken("a line that is empty, or an end in the middle")
                (self.describe if line.startswith("#") else self.sample)(line[:-1])
            except Broken as e:
                raise Broken(f"line {number}: {e}: {line.rstrip()}") from e
        self.end()
        return self.samples


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=5)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(self.path)


def ask(path, accept):
    """The answer's text; its type must be what was asked for."""
    connection = UnixConnection(path)
    connection.request("GET", "/metrics", headers={"Accept": accept})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status != 200 or not answer.headers["Content-Type"].startswith(accept):
        raise Broken(f"{answer.status} {answer.headers['Content-Type']}: {text.strip()[:200]}")
    return text


def main():
    """See above."""
    if sys.argv[2:] == ["--classic"]:
        sys.stdout.write(ask(sys.argv[1], "text/plain"))
        return 0
    try:
        m = Reader().read(ask(sys.argv[1], "application/openmetrics-text"))
    except (Broken, OSError) as e:
        print(e)
        return 1

    def one(sample, **labels):
        found = [v for (name, pairs), v in m.items() if name == sample and set(labels.items()) <= pairs]
        if len(found) != 1:
            raise KeyError(f"{sample} {labels}: {len(found)} samples")
        return found[0]

    if len(sys.argv) < 3:
        return 0
    value = eval(sys.argv[2], {"m": m, "one": one})  # pylint: disable=eval-used
    print(value)
    return 0 if value not in (False, None) else 1


if __name__ == "__main__":
    sys.exit(main())
