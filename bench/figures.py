"""How each figure is measured; bench/README.md says what the figures mean."""

import itertools
import json
import os
import pathlib
import resource
import shutil
import signal
import statistics
import subprocess
import threading
import time
import urllib.request

import machine
from servers import CAMPAIGNS, TOKEN, Clicktrail, Nginx

REPO = pathlib.Path(__file__).resolve().parent.parent
KEYS = 100_000  # campaigns, or repetitions of fewer
CONNECTIONS = [256, 1_024, 4_096]
CONNECTION_KINDS = {"keepalive": [], "connect": ["--connection-per-request"]}


class Bench:
    """Everything a figure needs, and where its lines go."""

    def __init__(self, options, report):
        self.options = options
        self.report = report
        self.folder = options.folder
        self.saturation = {}
        self.seeds = itertools.count(1)

    def yardstick(self):
        return Nginx(self.folder / "nginx").start()

    def subject(self, name, **shape):
        """Clicktrail; or, to see how noisy the machine is, a second nginx in its place."""
        if self.options.against_itself:
            return Nginx(self.folder / name).start()
        return Clicktrail(self.folder / name, self.options.binaries, **shape).start()

    def load(self, mode, server, *arguments):
        """One run of the generator; its result with the CPU time it cost the server."""
        before = server.cpu_seconds()
        result = self.generator(
            mode, "--target", server.target, "--user-agents", REPO / "deps/user-agents.tsv",
            # What was sent before is known to the server: a landing of the same number costs it next to nothing.
            "--seed", next(self.seeds), *arguments,
        )
        server.after_load()
        result["cpu_us"] = (server.cpu_seconds() - before) / max(result["answered"], 1) * 1e6
        expected = "200" if "--landing" in arguments else "302"
        wrong = {status: count for status, count in result["status"].items() if status != expected}
        failed = {reason: count for reason, count in result["failed"].items() if count}
        if wrong or failed:
            self.report.note(f"{server.name}: {result['answered']} answers, but also {wrong} {failed}")
        return result

    def generator(self, *arguments):
        command = machine.pinned(machine.LOAD_CORE, [self.options.binaries / "load", *arguments])
        before, begin = cpu_of_children(), time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"bench: {done.stderr.strip()}")
        result = json.loads(done.stdout)
        result["load_cpu_s"] = cpu_of_children() - before
        # In an open loop the generator spins by design; in a closed one it must have time to spare.
        busy = result["load_cpu_s"] / (time.monotonic() - begin)
        if result["mode"] == "closed" and busy > 0.95:
            self.report.note(f"the load generator was busy {busy:.0%} of the time: the server may do better")
        return result

    def closed(self, server, connections, kind, *arguments):
        return self.load(
            "closed", server, "--connections", connections,
            "--duration-s", self.options.seconds, *CONNECTION_KINDS[kind], *arguments,
        )

    def open(self, server, rate, kind):
        return self.load(
            "open", server, "--rate", rate, "--duration-s", self.options.seconds + 1, *CONNECTION_KINDS[kind]
        )

    def alternate(self, *measurements):
        """Each in turn, round after round; the first round only warms up. A list of results for each."""
        for measure in measurements:
            measure()
        rounds = [[measure() for measure in measurements] for _ in range(self.options.rounds)]
        return [list(column) for column in zip(*rounds)]

    def half_of_saturation(self):
        """Half of what the subject can answer a second by kind of connection; measured if P2 has not."""
        missing = [kind for kind in CONNECTION_KINDS if kind not in self.saturation]
        if missing:
            servers = [self.yardstick(), self.subject("sync", ingest=False)]
            for kind in missing:
                measure_saturation(self, servers, kind, [CONNECTIONS[0]])
            stop(servers)
        return {kind: self.saturation[kind] / 2 for kind in CONNECTION_KINDS}


def cpu_of_children():
    """CPU time of programs that have run to their end; servers still run and do not count."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def stop(servers):
    for server in servers:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


def median(results, *path):
    """Median over the rounds of what stands under the path."""
    values = []
    for result in results:
        for step in path:
            result = result[step]
        values.append(result)
    return statistics.median(values)


def cpu_per_click(bench):
    """P1."""
    shapes = {
        "": bench.subject("sync", ingest=False),
        "+ingest": bench.subject("ingest", ingest=True),
    }
    nginx = bench.yardstick()
    for kind in CONNECTION_KINDS:
        servers = [nginx, *shapes.values()]
        columns = bench.alternate(*[lambda s=server: bench.closed(s, 256, kind) for server in servers])
        base, *found = [median(column, "cpu_us") for column in columns]
        bench.report.line(f"P1.cpu.{kind}.nginx", base, "us/click")
        for label, cpu, goal in zip(shapes, found, [1.0, 1.8]):
            bench.report.ratio(f"P1.cpu.{kind}{label}", cpu, "us/click", cpu / base, "nginx", at_most=goal)
        if not bench.options.against_itself:
            bench.report.line(f"P1.cpu.{kind}.ingest-alone", found[1] - found[0], "us/click")
    stop([nginx, *shapes.values()])


def saturation(bench):
    """P2."""
    servers = [bench.yardstick(), bench.subject("sync", ingest=False)]
    # The goal holds for keep-alive; new connections are printed beside.
    for kind, counts, goal in [("keepalive", CONNECTIONS, {"at_least": 1.0}), ("connect", CONNECTIONS[:1], {})]:
        base, found = measure_saturation(bench, servers, kind, counts)
        bench.report.ratio(f"P2.best.{kind}", found, "clicks/s", found / base, "nginx", **goal)
    stop(servers)


def measure_saturation(bench, servers, kind, connection_counts):
    """The best rate of each of the two servers over the numbers of connections."""
    best = [0.0, 0.0]
    for connections in connection_counts:
        columns = bench.alternate(*[lambda s=server: bench.closed(s, connections, kind) for server in servers])
        rates = [median(column, "per_second") for column in columns]
        best = [max(pair) for pair in zip(best, rates)]
        name = f"P2.rate.{kind}.{connections}"
        bench.report.line(f"{name}.nginx", rates[0], "clicks/s")
        bench.report.ratio(name, rates[1], "clicks/s", rates[1] / rates[0], "nginx")
    bench.saturation[kind] = best[1]
    return best


def latency_sync(bench):
    """P3."""
    rates = bench.half_of_saturation()
    nginx, subject = bench.yardstick(), bench.subject("sync", ingest=False)
    for kind, rate in rates.items():
        syncs, base, found = bench.alternate(
            lambda: bench.generator("syncs", "--path", bench.folder / "sync-block", "--duration-s", "2"),
            lambda: bench.open(nginx, rate, kind),
            lambda: bench.open(subject, rate, kind),
        )
        bench.report.line(f"P3.offered.{kind}", rate, "clicks/s")
        # An arrival waits on average for half a sync under way, then for its own.
        for quantile, factor in [("p50", 1.75), ("p99", 2.0), ("p999", None)]:
            sync, yardstick, latency = (median(c, "latency_us", quantile) for c in (syncs, base, found))
            bench.report.line(f"P3.{quantile}.{kind}.fdatasync", sync, "us")
            bench.report.line(f"P3.{quantile}.{kind}.nginx", yardstick, "us")
            name = f"P3.{quantile}.{kind}"
            if factor:
                limit = yardstick + factor * sync
                bench.report.ratio(name, latency, "us", latency / limit, f"nginx+{factor}*fdatasync", at_most=1.0)
            else:
                bench.report.ratio(name, latency, "us", latency / yardstick, "nginx")
    stop([nginx, subject])


def latency_os(bench):
    """P4."""
    rates = bench.half_of_saturation()
    nginx, subject = bench.yardstick(), bench.subject("os", ingest=False, durability="os")
    for kind, rate in rates.items():
        columns = bench.alternate(
            lambda: bench.open(nginx, rate, kind), lambda: bench.open(subject, rate, kind)
        )
        for quantile, goal in [("p50", {}), ("p99", {"at_most": 1.5}), ("p999", {})]:
            base, latency = (median(column, "latency_us", quantile) for column in columns)
            bench.report.line(f"P4.{quantile}.{kind}.nginx", base, "us")
            bench.report.ratio(f"P4.{quantile}.{kind}", latency, "us", latency / base, "nginx", **goal)
    stop([nginx, subject])


def ingest(bench):
    """P5."""
    backlog = write_backlog(bench)
    rates = [ingest_once(bench, backlog, number) for number in range(bench.options.rounds)]
    shutil.rmtree(backlog, ignore_errors=True)
    rate = statistics.median(rates)
    bench.report.ratio("P5.ingest", rate, "rows/s", rate / 100_000, "100,000/s", at_least=1.0)
    ingest_lag(bench)


def write_backlog(bench):
    """A data folder whose journal holds clicks that nobody has ingested."""
    server = Clicktrail(bench.folder / "backlog", bench.options.binaries, ingest=False).start()
    answered = 0
    while answered < bench.options.rows:
        answered += bench.closed(server, 1_024, "keepalive")["answered"]
    server.stop()
    return server.folder


def ingest_once(bench, backlog, number):
    """Rows a second from the first batch that is in the table to the last."""
    folder = bench.folder / f"ingest-{number}"
    shutil.copytree(backlog, folder)
    server = Clicktrail(folder, bench.options.binaries, ingest=True).start()
    first = None
    while True:
        journal, ingested = server.progress()
        now = time.monotonic()
        if first is None and ingested > 0:
            first = now, ingested
        if first and ingested >= journal:
            break
        time.sleep(0.02)
    stop([server])
    began, before = first
    if ingested - before < bench.options.rows / 2:
        bench.report.note("P5: most of the backlog was ingested before the first look; raise --rows")
    return (ingested - before) / max(now - began, 1e-3)


def ingest_lag(bench):
    """How long a journaled record waits for the event table, at half of saturation."""
    rate = bench.half_of_saturation()["keepalive"]
    server = Clicktrail(bench.folder / "lag", bench.options.binaries, ingest=True).start()
    lags, over = [], threading.Event()

    def watch():
        written = []  # (time, newest sequence then), until that sequence is ingested
        while not over.is_set():
            journal, ingested = server.progress()
            now = time.monotonic()
            written.append((now, journal))
            while written and written[0][1] <= ingested:
                written.pop(0)
            lags.append(now - written[0][0] if written else 0.0)
            over.wait(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(bench.options.rounds):
        bench.open(server, rate, "keepalive")
    over.set()
    watcher.join()
    stop([server])
    lags.sort()
    bench.report.line("P5.lag.p99", lags[len(lags) * 99 // 100], "s")
    bench.report.line("P5.lag.max", lags[-1], "s", at_most=1.0)


def bytes_per_click(bench):
    """P8: what each further click takes, and what is there however many they are."""
    few, many = bench.options.demo_clicks // 2, bench.options.demo_clicks * 3 // 2
    for label, extra, goal in [("plain", ["--without-ids"], 120), ("all", [], 350)]:
        small, large = (demo_bytes(bench, clicks, extra) for clicks in (few, many))
        each = (large - small) / (many - few)
        bench.report.line(f"P8.bytes.{label}", each, "bytes/click", at_most=goal)
        bench.report.line(f"P8.fixed.{label}", (small - each * few) / 2**20, "MiB")


def demo_bytes(bench, clicks, extra):
    """Bytes on disk after a demo, the journal aside."""
    folder = bench.folder / "demo"
    command = [bench.options.binaries / "clicktrail", "demo", "--clicks", clicks, "--days", "30", *extra]
    subprocess.run(
        machine.pinned(machine.SERVER_CORE, command), check=True, cwd=REPO,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        env=os.environ | {"CLICKTRAIL_DATA": str(folder)},
    )
    found = machine.bytes_in(folder, leave_out=["journal"])
    shutil.rmtree(folder, ignore_errors=True)
    return found


def start(bench):
    """P10."""
    folder, binaries = bench.folder / "start", bench.options.binaries
    # What is in the table may leave the journal at once, else 100 million clicks would fill the disk.
    settings = {"CLICKTRAIL_JOURNAL_KEEP_HOURS": "0"}
    server = Clicktrail(folder, binaries, ingest=True, settings=settings).start()
    events = 0
    while events < bench.options.events:
        events += bench.closed(server, 1_024, "keepalive")["answered"]
    server.stop()
    server = Clicktrail(folder, binaries, ingest=False).start()
    before = machine.bytes_in(folder / "journal")
    while machine.bytes_in(folder / "journal") < before + bench.options.backlog_bytes:
        bench.closed(server, 1_024, "keepalive")
    server.stop(signal.SIGKILL)
    times = []
    for _ in range(bench.options.rounds):
        server = Clicktrail(folder, binaries, ingest=True)
        server.start_process()
        times.append(server.wait_for("/c/bench-1", 302))
        # Killed at once, so that the backlog is still there for the next start.
        server.stop(signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)
    bench.report.line("P10.events", events, "events")
    bench.report.line("P10.start", statistics.median(times), "s", at_most=1.0)


def cpu_by_size(bench):
    """P11: what a click costs beside more campaigns, and behind more rules."""
    usual = bench.subject("usual", ingest=False)
    counts = [10, 1_000, 100_000]
    servers = [bench.subject(f"campaigns-{count}", ingest=False, shape=(count, 0)) for count in counts]
    measured = [(usual, CAMPAIGNS), *zip(servers, counts)]
    base, *found = size_costs(bench, measured)
    bench.report.line(f"P11.cpu.{CAMPAIGNS}", base, "us/click")
    for count, cpu in zip(counts, found):
        bench.report.ratio(f"P11.cpu.{count}", cpu, "us/click", cpu / base, f"{CAMPAIGNS} campaigns", at_most=1.1)
    stop([usual, *servers])
    counts = [1, 100, 200]
    servers = [bench.subject(f"rules-{count}", ingest=False, shape=(10, count)) for count in counts]
    few, some, many = size_costs(bench, [(server, 10) for server in servers])
    bench.report.line("P11.rules.1", few, "us/click")
    for count, cpu in [(100, some), (200, many)]:
        bench.report.ratio(f"P11.rules.{count}", cpu, "us/click", cpu / few, "1 rule")
    bench.report.line("P11.rule", (many - few) / 199 * 1e3, "ns/rule", at_most=50)
    # Twice the rules, twice the cost: the second hundred takes as long as the first.
    first, second = (some - few) / 99 * 1e3, (many - some) / 100 * 1e3
    bench.report.ratio("P11.rule.second-hundred", second, "ns/rule", second / first, "the first hundred")
    stop(servers)


def landings(bench):
    """P12: what a landing costs that a page reports, beside a click on a link of the same server."""
    server = bench.subject("landings", ingest=False)
    for kind in CONNECTION_KINDS:
        columns = bench.alternate(
            lambda k=kind: bench.closed(server, 256, k),
            lambda k=kind: bench.closed(server, 256, k, "--landing"),
        )
        link, page = [median(column, "cpu_us") for column in columns]
        bench.report.line(f"P12.cpu.{kind}.link", link, "us/click")
        bench.report.ratio(f"P12.cpu.{kind}.landing", page, "us/click", page / link, "a click on a link", at_most=1.1)
    stop([server])


def page_script(bench):
    """P13: what the page script costs a page: bytes on the wire, and time of the main thread on a slow processor, beside a
    script that sends one request."""
    server = bench.subject("script", ingest=False)
    request = urllib.request.Request(f"http://{server.target}/t.js", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        bench.report.line("P13.script.size", len(answer.read()), "bytes", at_most=3 * 1024)
    arguments = ["node", "weight.mjs", f"http://{server.target}", TOKEN, REPO / "deps" / "chromium"]
    said = subprocess.run(arguments, cwd=REPO / "e2e", check=True, stdout=subprocess.PIPE)
    times = {
        name: {speed: statistics.median(loads) for speed, loads in by_speed.items()}
        for name, by_speed in json.loads(said.stdout).items()
    }
    ours, request = times["script"], times["request"]
    bench.report.line("P13.request.full_speed", request["full"], "ms")
    bench.report.line("P13.request.main_thread", request["slowed"], "ms")
    ratio = ours["full"] / request["full"]
    bench.report.ratio("P13.script.full_speed", ours["full"], "ms", ratio, "one request")
    bench.report.line("P13.script.main_thread", ours["slowed"], "ms", at_most=5)
    stop([server])


def size_costs(bench, measured):
    """CPU per click of each server, measured in turn, with as many requests in the generator's memory for each: what it
    pushes out of the caches is the same then."""
    def keys(campaigns):
        file = bench.folder / f"keys-{campaigns}"
        file.write_text("".join(f"bench-{number % campaigns + 1}\n" for number in range(KEYS)))
        return file

    columns = bench.alternate(*[
        lambda s=server, k=keys(campaigns): bench.closed(s, 256, "keepalive", "--keys", k)
        for server, campaigns in measured
    ])
    return [median(column, "cpu_us") for column in columns]


def calibration(bench):
    """LOAD: the generator itself, beside wrk with requests of the same size."""
    nginx = bench.yardstick()

    def wrk(connections):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{bench.options.seconds:.0f}s", "--latency",
                   "-s", REPO / "bench/wrk.lua", f"http://{nginx.target}"]
        done = subprocess.run(
            machine.pinned(machine.LOAD_CORE, command), capture_output=True, text=True, check=True
        )
        nginx.after_load()
        return json.loads(done.stdout.splitlines()[-1])

    for connections in [1, 64]:
        ours, theirs = bench.alternate(
            lambda: bench.closed(nginx, connections, "keepalive"), lambda: wrk(connections)
        )
        for name, unit, path in [("rate", "clicks/s", ["per_second"]), ("p50", "us", ["latency_us", "p50"])]:
            found, base = median(ours, *path), median(theirs, *path)
            bench.report.ratio(f"LOAD.{name}.{connections}", found, unit, found / base, "wrk")
    ceiling = statistics.median(result["answered"] / result["load_cpu_s"] for result in ours)
    bench.report.line("LOAD.ceiling", ceiling, "clicks/s")
    stop([nginx])


FIGURES = {
    "LOAD": calibration,
    "P1": cpu_per_click,
    "P2": saturation,
    "P3": latency_sync,
    "P4": latency_os,
    "P5": ingest,
    "P8": bytes_per_click,
    "P10": start,
    "P11": cpu_by_size,
    "P12": landings,
    "P13": page_script,
}
# Those that need no more of the subject than redirects.
FIGURES_OF_ANY_SERVER = ["LOAD", "P1", "P2", "P3", "P4"]
