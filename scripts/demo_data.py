#!/usr/bin/env python3
"""Makes crates/server/data/demo_agents.tsv, the browsers of `clicktrail demo`, from deps/user-agents.tsv.

Run it after scripts/setup.sh when the pinned version of the npm package `user-agents` changes. The package knows
browsers only; the browsers inside the apps of ad platforms are made here from the same devices.
"""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
BROWSERS = 250
# The heaviest entry stands for a fifth of the package's sample; no single browser is that common among ad clicks.
WEIGHT_MAX = 0.06

NOTICE = """\
# Browsers by how common they are: weight, device, system, app (`browser` or whose built-in one it is), user agent.
# Made by scripts/demo_data.py; the weights of browsers come from the npm package user-agents 2.1.198:
#
"""


FACEBOOK_IOS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {major}_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 [FBAN/FBIOS;FBAV/562.0.0.41.70;FBBV/895712643;FBDV/{model};FBMD/iPhone;FBSN/iOS;"
    "FBSV/{major}.{minor};FBSS/3;FBCR/;FBID/phone;FBLC/en_US;FBOP/5]"
)
INSTAGRAM_IOS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {major}_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 Instagram 431.0.0.27.73 ({model}; iOS {major}_{minor}; en_US; en; scale=3.00; 1179x2556; 812345671)"
)
TIKTOK_IOS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {major}_{minor} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 musical_ly_45.2.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/en Region/US "
    "isDarkMode/0 WKWebView/1 RevealType/Dialog BytedanceWebview/d8a21c6"
)
FACEBOOK_ANDROID = (
    "Mozilla/5.0 (Linux; Android {version}; {model} Build/{build}; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/{chrome}.0.0.0 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/562.0.0.44.73;IABMV/1;]"
)
INSTAGRAM_ANDROID = (
    "Mozilla/5.0 (Linux; Android {version}; {model} Build/{build}; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/{chrome}.0.0.0 Mobile Safari/537.36 Instagram 431.0.0.31.81 Android "
    "({version}; 420dpi; 1080x2340; samsung; {model}; {model}; qcom; en_US; 812345690)"
)
TIKTOK_ANDROID = (
    "Mozilla/5.0 (Linux; Android {version}; {model} Build/{build}; wv) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Version/4.0 Chrome/{chrome}.0.0.0 Mobile Safari/537.36 musical_ly_2024502030 JsSdk/1.0 NetType/WIFI "
    "Channel/googleplay AppName/musical_ly app_version/45.2.3 ByteLocale/en ByteFullLocale/en Region/US "
    "BytedanceWebview/d8a21c6"
)
IPHONES = [("iPhone15,2", 26, 6, 10), ("iPhone16,1", 26, 6, 9), ("iPhone17,3", 26, 6, 12), ("iPhone18,1", 26, 7, 8),
           ("iPhone14,5", 26, 5, 7), ("iPhone13,2", 18, 7, 6), ("iPhone12,1", 18, 6, 5), ("iPhone11,8", 17, 7, 2)]
ANDROIDS = [("SM-S928B", 16, "BP2A.250605.031", 8), ("SM-S911U", 16, "BP2A.250605.031", 9),
            ("SM-A546E", 16, "BP2A.250605.031", 7), ("SM-A156M", 15, "AP3A.240905.015", 8),
            ("Pixel 8", 16, "BP3A.250905.014", 4), ("Pixel 9 Pro", 16, "BP3A.250905.014", 3),
            ("23106RN0DA", 14, "UP1A.231005.007", 7), ("2312DRA50G", 15, "AQ3A.240912.001", 6),
            ("moto g54 5G", 15, "V1TDS35H.83", 4), ("CPH2591", 15, "AP3A.240617.008", 5),
            ("RMX3710", 14, "UP1A.231005.007", 4), ("V2318", 14, "UP1A.231005.007", 4)]
CHROMES = [152, 153, 154]


def kind(agent: str) -> tuple[str, str]:
    """Device and system, as far as traffic differs by them."""
    if "iPhone" in agent or "iPod" in agent:
        return "phone", "ios"
    if "iPad" in agent:
        return "tablet", "ios"
    if "Android" in agent:
        return ("phone" if "Mobile" in agent else "tablet"), "android"
    for mark, system in (("Windows", "windows"), ("CrOS", "chromeos"), ("Macintosh", "macos")):
        if mark in agent:
            return "desktop", system
    return "desktop", "linux"


def browsers() -> list[tuple[float, str, str, str, str]]:
    rows = []
    for line in (ROOT / "deps/user-agents.tsv").read_text(encoding="utf-8").splitlines()[:BROWSERS]:
        weight, agent = line.split("\t", 1)
        rows.append((min(float(weight), WEIGHT_MAX), *kind(agent), "browser", agent))
    return rows


def apps() -> list[tuple[float, str, str, str, str]]:
    rows = []
    for app, template in (("facebook", FACEBOOK_IOS), ("instagram", INSTAGRAM_IOS), ("tiktok", TIKTOK_IOS)):
        for model, major, minor, weight in IPHONES:
            agent = template.format(model=model, major=major, minor=minor)
            rows.append((weight / 1000, "phone", "ios", app, agent))
    for app, template in (("facebook", FACEBOOK_ANDROID), ("instagram", INSTAGRAM_ANDROID), ("tiktok", TIKTOK_ANDROID)):
        for place, (model, version, build, weight) in enumerate(ANDROIDS):
            chrome = CHROMES[place % len(CHROMES)]
            agent = template.format(model=model, version=version, build=build, chrome=chrome)
            rows.append((weight / 1000, "phone", "android", app, agent))
    return rows


def main() -> None:
    licence = (ROOT / "deps/user-agents.tsv").resolve().parent / "LICENSE"
    notice = "".join(f"# {line}".rstrip() + "\n" for line in licence.read_text(encoding="utf-8").strip().splitlines())
    lines = [f"{weight:.6f}\t{device}\t{system}\t{app}\t{agent}\n" for weight, device, system, app, agent in browsers() + apps()]
    target = ROOT / "crates/server/data/demo_agents.tsv"
    target.write_text(NOTICE + notice + "".join(lines), encoding="utf-8")
    print(f"{len(lines)} user agents in {target.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
