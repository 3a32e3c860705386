"""The machine of a measurement: its CPUs divided, and what it was, for the JSON file and the head
of the table."""

import os
import platform
import resource
import subprocess
from pathlib import Path

from proxies import BenchError, program


def describe():
    """CPU, kernel, mitigations and memory of this machine."""
    info = _key_values("/proc/cpuinfo")
    vulnerabilities = Path("/sys/devices/system/cpu/vulnerabilities")
    return {
        "cpu": info.get("model name", platform.machine()),
        "cpus": os.cpu_count(),
        "virtual": "hypervisor" in info.get("flags", ""),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "kernel": platform.release(),
        "system": _key_values("/etc/os-release", "=").get("PRETTY_NAME", "").strip('"'),
        "memory": _key_values("/proc/meminfo").get("MemTotal"),
        "mitigations": {entry.name: _read(entry) for entry in sorted(vulnerabilities.glob("*"))
                        if _read(entry) != "Not affected"},
    }


def divide():
    """The proxy's CPU and the load's. This process and its children stay on the second, and may open
    as many files as they like."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise BenchError("this needs two CPUs: one for the proxy, one for origin and load")
    os.sched_setaffinity(0, {cpus[1]})
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    return cpus[0], cpus[1]


def versions(names, weir):
    """The first line that each program says about its version."""
    found = {"wrk": _first_line("wrk", "-v"), "h2load": _first_line("h2load", "--version")}
    for name, option in (("nginx", "-v"), ("haproxy", "-v"), ("valgrind", "--version")):
        found[name] = _first_line(name, option)
    if "weir" in names:
        done = subprocess.run([str(weir), "version"], capture_output=True, text=True, check=False)
        found["weir"] = " ".join(done.stdout.split())
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parent)
    found["source"] = done.stdout.strip() or None
    return found


def _first_line(name, option):
    try:
        command = [program(name), option]
    except BenchError:
        return None
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.split("\n")[0].strip()


def _read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _key_values(path, separator=":"):
    """The first value of each key in a file of `key: value` lines."""
    found = {}
    for line in (_read(path) or "").splitlines():
        key, _, value = line.partition(separator)
        found.setdefault(key.strip(), value.strip())
    return found
