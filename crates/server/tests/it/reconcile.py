"""Makes up what a source would say of exported events, and says what a comparison has to find.

usage: python3 reconcile.py HOURS LOST < events.csv

The source with most clicks counts what reached us, bots and previews too, on days HOURS ahead of UTC; a click that came
twice it counts once, and tests it knows nothing of. Of every fiftieth group LOST clicks never reached us. Prints JSON:
`source`, `csv`, and `expected` by day and creative: theirs, ours, and every cause.
"""

import collections
import csv
import datetime
import decimal
import json
import sys

ahead, lost = datetime.timedelta(hours=int(sys.argv[1])), int(sys.argv[2])
rows = [row for row in csv.DictReader(sys.stdin) if row["row"] in ("click", "preview", "unlogged")]
source = collections.Counter(row["source"] for row in rows if row["source"]).most_common(1)[0][0]
groups = collections.defaultdict(lambda: collections.Counter())
costs = collections.defaultdict(decimal.Decimal)
for row in rows:
    if row["source"] != source:
        continue
    moment = datetime.datetime.fromisoformat(row["click_time"])
    utc = moment.astimezone(datetime.timezone.utc)
    our_day, their_day = utc.date(), (utc + ahead).date()
    creative = row["creative_id"].removeprefix("'")
    ours, theirs = groups[str(our_day), creative], groups[str(their_day), creative]
    count = int(row["count"])
    is_bot, is_test = row["bot"] == "true", row["test"] == "true"
    is_click = row["row"] == "click"
    if is_click and not is_bot and not is_test:
        ours["ours"] += count
        ours["time_zone"] -= count
        theirs["time_zone"] += count
        if row["duplicate"] == "true":
            theirs["duplicates"] -= count
        else:
            theirs["theirs"] += count
    elif not is_test or not is_click:
        theirs["theirs"] += count
        theirs["bots" if is_click else "previews" if row["row"] == "preview" else "unlogged"] += count
for number, key in enumerate(sorted(groups)):
    if number % 50 == 0:
        groups[key]["theirs"] += lost
        groups[key]["unexplained"] += lost
lines = ["Day,Ad ID,Clicks"]
lines += [f'{day},"{creative}",{group["theirs"]}' for (day, creative), group in sorted(groups.items())]
lines.append(f'Total,,{sum(group["theirs"] for group in groups.values())}')
expected = [{"day": day, "creative_id": creative, **group} for (day, creative), group in groups.items()]
print(json.dumps({"source": source, "csv": "\n".join(lines), "expected": expected}))
