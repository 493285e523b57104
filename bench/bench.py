#!/usr/bin/env python3
"""Measures Clicktrail against nginx and prints one line per figure; see bench/README.md."""

import argparse
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True  # the source tree stays clean

import figures  # noqa: E402
import machine  # noqa: E402
import servers  # noqa: E402

RESULTS = pathlib.Path(__file__).parent / "results" / "latest.txt"


class Report:
    """The lines `name value unit ratio-to yardstick goal ok|short`, printed as they come."""

    WIDTHS = (32, 12, 12, 8, 26, 8, 5)

    def __init__(self, description):
        self.lines = []
        self.add(*[f"# {name}: {value}" for name, value in description.items()])
        self.row("# name", "value", "unit", "ratio-to", "yardstick", "goal", "")

    def add(self, *lines):
        for line in lines:
            print(line, flush=True)
        self.lines += lines

    def row(self, *cells):
        text = " ".join(cell.ljust(width) for cell, width in zip(cells, self.WIDTHS))
        self.add(text.rstrip())

    def line(self, name, value, unit, at_most=None):
        """A figure by itself, with a goal of its own or for orientation."""
        goal = "-" if at_most is None else f"<={at_most:g}"
        verdict = "-" if at_most is None else judged(value <= at_most)
        self.row(name, shown(value), unit, "-", "-", goal, verdict)

    def ratio(self, name, value, unit, ratio, yardstick, at_most=None, at_least=None):
        """A figure as a multiple of a yardstick of the same run; the goal is about the ratio."""
        goal, verdict = "-", "-"
        if at_most is not None:
            goal, verdict = f"<={at_most:g}", judged(ratio <= at_most)
        if at_least is not None:
            goal, verdict = f">={at_least:g}", judged(ratio >= at_least)
        self.row(name, shown(value), unit, f"{ratio:.3f}", yardstick, goal, verdict)

    def note(self, text):
        self.add(f"# note: {text}")


def judged(reached):
    return "ok" if reached else "short"


def shown(value):
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help="P1 P2 …; all when none is named")
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help="folder of clicktrail and load")
    parser.add_argument("--folder", type=pathlib.Path, help="scratch folder, on the disk to be measured")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds; the median counts")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one run")
    parser.add_argument("--rows", type=int, default=1_000_000, help="P5: journal records to ingest")
    parser.add_argument("--demo-clicks", type=int, default=1_000_000, help="P8: clicks of demo traffic")
    parser.add_argument("--events", type=int, help="P10: events in the table (2 million; --full: 100 million)")
    parser.add_argument("--backlog-bytes", type=int, default=10**9, help="P10: journal not yet ingested")
    parser.add_argument("--full", action="store_true", help="the sizes that the goals name; takes hours")
    parser.add_argument("--against-itself", action="store_true",
                        help="a second nginx in Clicktrail's place: every ratio should be 1, the rest is noise")
    options = parser.parse_args()
    options.events = options.events or (100_000_000 if options.full else 2_000_000)
    known = figures.FIGURES_OF_ANY_SERVER if options.against_itself else list(figures.FIGURES)
    options.figures = options.figures or known
    for figure in options.figures:
        if figure not in known:
            parser.error(f"no figure {figure}; choose from {' '.join(known)}")
    return options


def main():
    options = parse_arguments()
    machine.prepare()
    # Beside the binaries, not in /tmp, which may be memory.
    options.folder = pathlib.Path(tempfile.mkdtemp(prefix="bench-", dir=options.folder or options.binaries.parent))
    report = Report(machine.describe(options.folder, options.binaries))
    report.note(f"{options.rounds} rounds of {options.seconds:g} s, {options.rows:,} rows, {options.demo_clicks:,} demo clicks")
    bench = figures.Bench(options, report)
    try:
        for figure in options.figures:
            figures.FIGURES[figure](bench)
    finally:
        servers.stop_all()
        shutil.rmtree(options.folder, ignore_errors=True)
    if options.figures == list(figures.FIGURES):
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text("\n".join(report.lines) + "\n")


if __name__ == "__main__":
    main()
