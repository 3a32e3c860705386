"""What the kernel knows about a proxy: CPU time, memory, system calls; and about the CPUs."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from proxies import BenchError

_TICK = os.sysconf("SC_CLK_TCK")

RECEIVE = ("read", "readv", "recvfrom", "recvmsg", "pread64")
SEND = ("write", "writev", "sendto", "sendmsg", "sendfile64", "splice")
WAIT = ("epoll_wait", "epoll_pwait", "io_uring_enter")


@dataclass(frozen=True)
class CpuTime:
    """Seconds a set of processes has run; `user` and `system` share `total` as the kernel sampled them."""

    total: float
    user: float
    system: float

    def __sub__(self, earlier):
        total = self.total - earlier.total
        user = self.user - earlier.user
        system = self.system - earlier.system
        # The scheduler's sum is exact to the nanosecond; the split comes in ticks, so only its proportion is used.
        share = user / (user + system) if user + system > 0 else 0.0
        return CpuTime(total, total * share, total * (1 - share))


def cpu_time(pids):
    """Of all threads of `pids`."""
    nanoseconds = user = system = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            nanoseconds += int((task / "schedstat").read_text().split()[0])
        # After the command's name, which may hold spaces; the process's own line includes threads that ended.
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        user += int(fields[11])
        system += int(fields[12])
    return CpuTime(nanoseconds / 1e9, user / _TICK, system / _TICK)


def cpu_clock(cpu):
    """(busy, all) ticks of one CPU since boot, whoever used it."""
    for line in Path("/proc/stat").read_text().splitlines():
        fields = line.split()
        if fields[0] == f"cpu{cpu}":
            ticks = [int(field) for field in fields[1:9]]  # without guest time, which is part of user
            return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
    raise BenchError(f"/proc/stat does not know cpu{cpu}")


def busy_share(earlier, later):
    spent = later[1] - earlier[1]
    return (later[0] - earlier[0]) / spent if spent else 0.0


def pss_bytes(pids):
    """Proportional set size: what these processes have in memory, shared pages divided among their users."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def count_system_calls(pids, command):
    """System calls that all threads of `pids` enter while `command` runs, as {name: count} with `all` for their
    sum; a string says why they cannot be counted here. Unlike a trace by ptrace this sees every call, those
    that fail included, and does not slow the process to a crawl."""
    named = [call for call in (*RECEIVE, *SEND, *WAIT) if _tracepoint_exists(call)]
    events = ["raw_syscalls:sys_enter"] + [f"syscalls:sys_enter_{call}" for call in named]
    try:
        done = subprocess.run(
            ["perf", "stat", "-x", ",", "--log-fd", "2", "-e", ",".join(events),
             "-p", ",".join(map(str, pids)), "--", *command],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        return "perf is not installed (linux-perf)"
    counts = {}
    for line in done.stderr.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].isdigit():
            name = fields[2].rsplit("sys_enter", 1)[1].lstrip("_") or "all"
            counts[name] = int(fields[0])
    if done.returncode != 0 or "all" not in counts:
        reason = next((line.strip() for line in done.stderr.splitlines() if "rror" in line or "ermi" in line), "")
        return f"perf cannot count them here (it needs root and tracefs) {reason}".strip()
    return counts


_TRACING = next((root for root in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
                 if os.path.isdir(f"{root}/events")), None)


def _tracepoint_exists(call):
    # An architecture lacks some calls, and perf refuses the whole list for one that it does not know.
    return _TRACING is None or os.path.isdir(f"{_TRACING}/events/syscalls/sys_enter_{call}")
