"""The two servers that are compared: nginx, and Clicktrail in the shapes the figures need."""

import contextlib
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request

import machine

HERE = pathlib.Path(__file__).parent
CAMPAIGNS = 500
START_LIMIT_S = 120
TOKEN = "bench-" + secrets.token_hex(24)


class Server:
    """A server process on the server's core; `folder` holds all it writes."""

    name = "?"
    running = []

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def launch(self, command, environment=None):
        log = open(self.folder.with_suffix(".log"), "ab")
        self.process = subprocess.Popen(
            machine.pinned(machine.SERVER_CORE, command),
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=HERE.parent,
        )
        log.close()
        Server.running.append(self)

    def wait_for(self, path, wanted_status):
        """Seconds until the path answers as wanted."""
        begin = time.monotonic()
        while time.monotonic() - begin < START_LIMIT_S:
            if self.process.poll() is not None:
                raise SystemExit(f"bench: {self.name} ended at once: {self.last_words()}")
            if status_of(self.port, path) == wanted_status:
                return time.monotonic() - begin
            time.sleep(0.002)
        raise SystemExit(f"bench: {self.name} did not answer {path} with {wanted_status}: {self.last_words()}")

    def last_words(self):
        return " ".join(self.folder.with_suffix(".log").read_text(errors="replace").splitlines()[-3:])

    def cpu_seconds(self):
        return machine.cpu_seconds(self.process.pid)

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=START_LIMIT_S)
            Server.running.remove(self)
        self.process = None

    def after_load(self):
        """What a server must do before its turn is over."""


class Nginx(Server):
    name = "nginx"

    def start(self):
        template = (HERE / "nginx.conf.in").read_text()
        config = self.folder / "nginx.conf"
        config.write_text(template.replace("@FOLDER@", str(self.folder)).replace("@PORT@", str(self.port)))
        binary = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        self.launch([binary, "-c", config, "-e", self.folder / "error.log"])
        self.wait_for("/c/bench-1", 302)
        return self

    def after_load(self):
        # Unwritten log pages would make the disk slow in the other server's turn.
        os.truncate(self.folder / "access.log", 0)


class Clicktrail(Server):
    name = "clicktrail"

    def __init__(self, folder, binaries, ingest=True, durability="sync", settings=None, shape=None):
        super().__init__(folder)
        self.shape = shape
        self.binary = binaries / "clicktrail"
        self.environment = {
            "CLICKTRAIL_DATA": str(self.folder),
            "CLICKTRAIL_LISTEN": self.target,
            "CLICKTRAIL_DURABILITY": durability,
            "CLICKTRAIL_TRUSTED_PROXIES": "127.0.0.0/8",
            "CLICKTRAIL_ADMIN_TOKEN": TOKEN,
        } | (settings or {})
        self.ingest = ingest

    def start(self):
        """Starts, and sets up the campaigns where there are none."""
        self.start_process()
        self.wait_for("/readyz", 200)
        if status_of(self.port, "/c/bench-1") != 302:
            if self.shape:
                self.set_up_shape()
            else:
                set_up_campaigns(self)
            self.wait_for(f"/c/bench-{CAMPAIGNS if self.shape is None else self.shape[0]}", 302)
        return self

    def set_up_shape(self):
        """Any number of campaigns, written into the catalog while nobody uses it."""
        source, offers = set_up_offers(self)
        self.stop()
        write_campaigns(self.folder / "catalog.sqlite", source, offers, *self.shape)
        self.start_process()

    def start_process(self):
        pause = {} if self.ingest else {"CLICKTRAIL_INGEST": "off"}
        self.launch([self.binary, "serve"], self.environment | pause)

    def api(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://{self.target}/api/v1{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"bench: {method} {path}: {error.code} {error.read().decode()}") from error

    def progress(self):
        """Sequence of the newest journal record, and of the last one in the event table."""
        system = self.api("GET", "/system")
        return system["journal"]["sequence"], system["ingest"]["sequence"]

    def wait_until_ingested(self, limit_s=3_600):
        begin = time.monotonic()
        while time.monotonic() - begin < limit_s:
            journal, ingested = self.progress()
            if ingested >= journal:
                return
            time.sleep(0.02)
        raise SystemExit(f"bench: ingest did not catch up in {limit_s} s")

    def after_load(self):
        if self.ingest:
            self.wait_until_ingested()


def stop_all():
    """Leaves no process behind, whatever went wrong."""
    for server in list(Server.running):
        server.stop()


def set_up_offers(server):
    """A source and 50 offers."""
    source = server.api("POST", "/sources", {
        "name": "bench source",
        "params": [
            {"param": "utm_campaign", "field": "ad_campaign_name"},
            {"param": "utm_content", "field": "creative_name"},
            {"param": "ad_id", "field": "creative_id"},
            {"param": "placement", "field": "placement"},
            {"param": "keyword", "field": "keyword"},
            {"param": "utm_source", "field": "sub1"},
            {"param": "utm_medium", "field": "sub2"},
        ],
        "click_id_param": "gclid",
        "cost_param": "cost",
    })["id"]
    offers = [
        server.api("POST", "/offers", {
            "name": f"bench offer {number}",
            "url": f"http://offer.example/land/{number}?clickid={{click_id}}",
            "payout": {"kind": "fixed", "amount": "1.5", "currency": "USD"},
        })["id"]
        for number in range(50)
    ]
    return source, offers


def set_up_campaigns(server):
    """500 campaigns of one source; each has its own flow, splitting over two of 50 offers."""
    source, offers = set_up_offers(server)
    for number in range(1, CAMPAIGNS + 1):
        flow = server.api("POST", "/flows", {"name": f"bench flow {number}"} | flow_of(number, offers, 0))["id"]
        server.api("POST", "/campaigns", {"name": f"bench campaign {number}"} | campaign_of(number, source, flow))


def flow_of(number, offers, rules):
    """A flow that splits over two offers, behind rules that nobody meets: each has three comparisons to look at."""
    pair = sorted({offers[number % len(offers)], offers[(number * 7 + 1) % len(offers)]})
    paths = [{"id": 1, "offers": [{"offer": offer} for offer in pair]}]
    unmet = [
        {
            "id": rule, "name": f"rule {rule}", "paths": [paths[0] | {"id": rule + 1}],
            "when": {"all": [
                {"field": "browser", "op": "known"},
                {"any": [
                    {"field": "country", "op": "in", "value": ["XA", "XB", "XC"]},
                    {"param": "keyword", "op": "is", "value": f"keyword {rule}"},
                ]},
            ]},
        }
        for rule in range(1, rules + 1)
    ]
    return {"rules": unmet, "default": paths}


def campaign_of(number, source, flow):
    return {"key": f"bench-{number}", "source": source, "flow": flow, "origins": ["https://shop.example"]}


def write_campaigns(catalog, source, offers, campaigns, rules):
    """Each with a flow of its own and the same number, as the catalog would have saved them."""
    def rows():
        for number in range(1, campaigns + 1):
            yield "flow", number, f"bench flow {number}", json.dumps(flow_of(number, offers, rules))
            yield "campaign", number, f"bench campaign {number}", json.dumps(campaign_of(number, source, number))

    with contextlib.closing(sqlite3.connect(catalog)) as connection, connection:
        connection.executemany(
            "INSERT INTO revisions (kind, id, workspace, name, archived, author, at_ms, body)"
            " VALUES (?, ?, 1, ?, 0, 'bench', 0, ?)",
            rows(),
        )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def status_of(port, path):
    """Status of one answer, or none when there is no answer."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request.encode())
            head = connection.recv(64).split(b" ")
    except OSError:
        return None
    return int(head[1]) if len(head) > 1 and head[1].isdigit() else None
