"""The two load generators: wrk as fast as it goes, h2load at a fixed rate or for a fixed count."""

import os
import re
import subprocess
from dataclasses import dataclass

from proxies import BenchError, program

CONNECTIONS = 64


@dataclass(frozen=True)
class LoadResult:
    """`requests` answered 200 in `seconds`; latency in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def url(port, path):
    return f"http://127.0.0.1:{port}{path}"


def saturate(port, path, seconds):
    """64 connections, each with one request after the other."""
    output = _run([program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", url(port, path)])
    if "Socket errors" in output or "Non-2xx" in output:
        raise BenchError(f"wrk saw errors on {path}:\n{output}")
    count, spent = re.search(r"(\d+) requests in ([\d.]+\w+)", output).groups()
    percentile = dict(re.findall(r"^\s+(50|99)%\s+([\d.]+\w+)", output, re.MULTILINE))
    return LoadResult(int(count), _milliseconds(spent) / 1000, _milliseconds(percentile["50"]),
                      _milliseconds(percentile["99"]))


def fixed_rate(port, path, rate, seconds, log):
    """`rate` requests a second over 64 connections. h2load lets each connection's share fall due every 10 ms, so
    this is a train of short bursts, the same for every proxy. `log` is a scratch file for the latencies."""
    each = max(1, round(rate * seconds / CONNECTIONS))
    output = _run([*_h2load(each * CONNECTIONS), f"--rps={rate / CONNECTIONS:.3f}", f"--log-file={log}",
                   url(port, path)])
    try:
        with open(log) as rows:
            latencies = sorted(int(row.split("\t")[2]) for row in rows)
    finally:
        os.unlink(log)
    _expect_success(output, each * CONNECTIONS)
    spent = re.search(r"finished in ([\d.]+\w+)", output).group(1)
    return LoadResult(each * CONNECTIONS, _milliseconds(spent) / 1000, latencies[len(latencies) // 2] / 1000,
                      latencies[len(latencies) * 99 // 100] / 1000)


def counted_command(port, path, requests):
    """A command that sends exactly `requests` (a multiple of 64) and ends."""
    return [*_h2load(requests), url(port, path)]


def _h2load(requests):
    return [program("h2load"), "--h1", "-t1", f"-c{CONNECTIONS}", f"-n{requests}"]


def _expect_success(output, requests):
    found = re.search(r"status codes: (\d+) 2xx", output)
    if found is None or int(found.group(1)) != requests:
        raise BenchError(f"h2load did not get {requests} good answers:\n{output}")


def _run(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)} failed:\n{done.stdout}")
    return done.stdout


def _milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}[unit]
