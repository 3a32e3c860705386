"""From samples to figures: medians with their range, ratios of the same round, goals, and the printed table."""

from dataclasses import dataclass
from statistics import median

from measure import RECEIVE, SEND, WAIT

PEERS = ("nginx", "haproxy")
IO_CALLS_GOAL = 4.1
IDLE_BYTES_GOAL = 2048


@dataclass(frozen=True)
class Metric:
    key: str
    label: str
    digits: int
    higher_is_better: bool = False
    compared: bool = True


METRICS = (
    Metric("cpu_us", "CPU us/request", 2),
    Metric("user_us", "  user", 2),
    Metric("system_us", "  system", 2),
    Metric("throughput", "requests/s", 0, higher_is_better=True),
    Metric("p50_ms", "p50 ms", 3),
    Metric("p99_ms", "p99 ms", 3),
    Metric("pss_mib", "PSS MiB", 1),
    Metric("proxy_busy", "proxy's CPU, own %", 0, compared=False),
    Metric("others_busy", "proxy's CPU, others %", 0, compared=False),
    Metric("load_busy", "load's CPU %", 0, compared=False),
)

TITLES = {"small": "66-byte answers", "large": "64 KiB answers"}

# Weir over the better peer of the same round, at most.
RATIO_GOALS = {
    ("small", "fixed", "cpu_us"): 0.95, ("small", "saturation", "cpu_us"): 0.95,
    ("large", "fixed", "cpu_us"): 0.90, ("large", "saturation", "cpu_us"): 0.90,
    ("small", "fixed", "p99_ms"): 1.0, ("large", "fixed", "p99_ms"): 1.0,
}


def spread(values):
    return {"median": median(values), "min": min(values), "max": max(values)} if values else None


def not_counted(sample):
    """Why a saturated sample says nothing about the proxy; None if it does."""
    if sample["proxy_busy"] <= 95:
        return f"proxy's CPU only {sample['proxy_busy']:.0f} % busy"
    if sample["load_busy"] >= 90:
        return f"load's CPU {sample['load_busy']:.0f} % busy"
    return None


def summarise(rounds, regime):
    """`rounds` is a list of {proxy: sample}. A ratio needs Weir and its peers in one round, all counted."""
    names = list(rounds[0])
    counts = regime != "saturation"
    usable = [entry for entry in rounds if counts or not any(not_counted(entry[name]) for name in names)]
    peers = [name for name in PEERS if name in names]
    metrics = {}
    for metric in METRICS:
        row = {name: spread([entry[name][metric.key] for entry in rounds]) for name in names}
        if metric.compared and "weir" in names and peers:
            best = max if metric.higher_is_better else min
            row["ratio"] = spread([entry["weir"][metric.key] / best(entry[peer][metric.key] for peer in peers)
                                   for entry in usable])
        metrics[metric.key] = row
    excluded = {}
    for name in names if regime == "saturation" else ():
        reasons = [reason for entry in rounds if (reason := not_counted(entry[name]))]
        if reasons:
            excluded[name] = f"not counted in {len(reasons)} of {len(rounds)} rounds: {reasons[-1]}"
    return {"metrics": metrics, "excluded": excluded, "rounds": len(rounds), "counted": len(usable)}


def verdict(value, goal):
    return f"<= {goal:g} {'met' if value <= goal else 'NOT MET'}"


def print_section(workload, regime, summary, names, headline):
    print(f"\n{TITLES[workload]}, 64 connections, {headline}")
    print(f"  {'median [min-max]':21}" + "".join(f"{name:>24}" for name in names) + f"{'weir / better peer':>28}  goal")
    for metric in METRICS:
        row = summary["metrics"][metric.key]
        cells = "".join(f"{_cell(row[name], metric.digits):>24}" for name in names)
        goal = RATIO_GOALS.get((workload, regime, metric.key))
        ratio = row.get("ratio")
        text = _cell(ratio, 3) if ratio else "-"
        end = ""
        if goal is not None:
            end = verdict(ratio["median"], goal) if ratio else f"<= {goal:g} not decided"
        print(f"  {metric.label:21}{cells}{text if metric.compared else '':>28}  {end}".rstrip())
    for name, reason in summary["excluded"].items():
        print(f"  {name}: {reason}")
    if summary["counted"] < summary["rounds"]:
        print(f"  {summary['counted']} of {summary['rounds']} rounds count for the ratios")


def calls_per_request(few, many, requests):
    """The difference of two counts, as receive and send, waits, and everything else, a request."""
    each = {name: (many[name] - few.get(name, 0)) / requests for name in many}
    receive = sum(each.get(name, 0) for name in RECEIVE)
    send = sum(each.get(name, 0) for name in SEND)
    wait = sum(each.get(name, 0) for name in WAIT)
    return {"receive": receive, "send": send, "io": receive + send, "wait": wait,
            "other": each["all"] - receive - send - wait, "all": each["all"], "named": each}


def print_calls(calls):
    """`calls`: {proxy: figures, or why there are none}."""
    print("\nSystem calls a request (66-byte answers, 64 connections, both sides)")
    print(f"  {'':10}{'receive':>10}{'send':>10}{'I/O':>10}{'wait':>10}{'other':>10}{'all':>10}")
    for name, figures in calls.items():
        if isinstance(figures, str):
            print(f"  {name:10}not measured: {figures}")
            continue
        line = "".join(f"{figures[key]:>10.3f}" for key in ("receive", "send", "io", "wait", "other", "all"))
        goal = f"   I/O {verdict(round(figures['io'], 2), IO_CALLS_GOAL)}" if name == "weir" else ""
        print(f"  {name:10}{line}{goal}")


def print_idle(idle, connections, wait):
    print(f"\nIdle keep-alive connection (PSS growth over {connections:,} of one request each, {wait:g} s later)")
    for name, value in idle.items():
        goal = f"   {verdict(value, IDLE_BYTES_GOAL)}" if name == "weir" else ""
        print(f"  {name:10}{value:>10,.0f} bytes{goal}")


def _cell(row, digits):
    if row is None:
        return "-"
    return f"{row['median']:.{digits}f} [{row['min']:.{digits}f}-{row['max']:.{digits}f}]"
