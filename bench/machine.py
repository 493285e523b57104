"""What the benchmark knows of the machine: cores, CPU time of processes, files, and its description."""

import contextlib
import os
import pathlib
import platform
import resource
import shutil
import subprocess

SERVER_CORE, LOAD_CORE = 0, 1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def prepare():
    """Two cores, the driver beside the load, and room for thousands of connections."""
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("bench: needs two cores, one for the server and one for the load")
    os.sched_setaffinity(0, {LOAD_CORE})
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 <= hard < 10_000:
        raise SystemExit(f"bench: at most {hard} open files are allowed, 10,000 are needed (ulimit -Hn)")


def pinned(core, command):
    """The command, held to one core."""
    return ["taskset", "-c", str(core), *map(str, command)]


def cpu_seconds(pid):
    """User and system time of a process and of its children that are alive."""
    total = 0
    for member in [pid, *children(pid)]:
        # The second field is a name in parentheses and may hold spaces.
        fields = pathlib.Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # threads come and go
            found += (task / "children").read_text().split()
    return found


def bytes_in(folder, leave_out=()):
    """Bytes of all files below a folder, but for the named entries at its top."""
    total = 0
    for entry in pathlib.Path(folder).iterdir():
        if entry.name in leave_out:
            continue
        files = entry.rglob("*") if entry.is_dir() else [entry]
        total += sum(file.stat().st_size for file in files if file.is_file())
    return total


def describe(folder, binaries):
    """Lines that say what the figures were taken on."""
    commit = output("git", "-C", pathlib.Path(__file__).parent, "rev-parse", "--short", "HEAD")
    changed = output("git", "-C", pathlib.Path(__file__).parent, "status", "--porcelain", "--untracked-files=no")
    memory_kb = int(field("/proc/meminfo", "MemTotal").split()[0])
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    return {
        "date": output("date", "-u", "+%Y-%m-%d %H:%M UTC"),
        "clicktrail": output(binaries / "clicktrail", "--version") or "-",
        "commit": (commit or "none") + (" with changes" if changed else ""),
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": f"{os.cpu_count()}; one for the server, one for the load",
        "memory": f"{memory_kb / 2**20:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": output("stat", "-f", "-c", "%T", folder),
        "yardstick": output(nginx, "-v").removeprefix("nginx version: "),
        "busy with other work": f"{os.getloadavg()[0]:.2f} processes at the start",
    }


def field(path, name):
    for line in pathlib.Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def output(*command):
    """What a command prints, or nothing where it fails."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return (done.stdout + done.stderr).strip()
