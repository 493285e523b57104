"""Recomputes a report from the exported events: sums by one column, as JSON on stdout.

usage: python3 export.py COLUMN < events.csv
"""

import collections
import csv
import decimal
import json
import sys

sums = collections.defaultdict(lambda: collections.defaultdict(decimal.Decimal))
for row in csv.DictReader(sys.stdin):
    group = sums[row[sys.argv[1]]]
    human = row["bot"] != "true" and row["test"] != "true"
    count = int(row["count"])
    if row["row"] == "click" and human:
        group["clicks"] += count
    if row["row"] == "entry" and row["test"] != "true":
        if row["conversion_status"] in ("pending", "approved"):
            group["conversions"] += count
        if row["conversion_status"] == "approved":
            group["revenue"] += decimal.Decimal(row["revenue"])
    group["cost"] += decimal.Decimal(row["cost"])
print(json.dumps({key: {name: str(value) for name, value in group.items()} for key, group in sums.items()}))
