#!/usr/bin/env python3
"""What clients get when more comes than can be served, in six scenes. The load is open-loop (weir-load of
bench/driver), the origins have a known capacity (weir-origin), most of them 20 slots of 10 ms:

  overload   load from 0.5 to 5 times the capacity: goodput (answers within three times of the 99th percentile
             without load), Weir with and without an adaptive limit, beside nginx and HAProxy with limits set
             by hand for this very origin
  isolation  two upstreams behind one gateway, of which one is slow, refuses, answers no SYN, hangs, or has
             10,000 requests waiting: the other's 99th percentile against that of the same load with both well
  hedging    two endpoints that stall for 500 ms at 1 % of the requests, with hedging and without
  zone_loss  both endpoints of the gateway's own zone are killed, or hang: errors, and for how long
  fairness   one caller sends a fifth of the capacity, another ten times as much: what each gets, with a queue
             that is fair and with one that is not
  heuristic  1,200, 3,500 and 5,000 requests a second: the share that passes, and its latency

Each writes FOLDER/SCENE.svg and one line of JSON, with how late the load itself was. Nothing here is a pass or a
fail: read the figures, and none of them where "late_ms" is not well below the latencies.
Usage: overload.py WEIR_BINARY [--scenes NAME...] [--seconds N] [--out FOLDER] [--bench FOLDER] [--realtime]"""

import argparse
import pathlib
import resource
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "load"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))

import openloop  # noqa: E402
from fronts import NotStarted, haproxy, installed, nginx, tell, wait_listening, weir, weir_with  # noqa: E402
from harness.origin import BlackHole, Refusing  # noqa: E402
from proxies import Workspace  # noqa: E402

SLOTS, SLOT_TIME, CAPACITY = 20, "10ms", 2000  # requests a second
GRADIENT = {"policy": "gradient", "min": 10, "max": 1000}
QUEUE = {"pending": 1024, "pending_timeout": "1s"}


class Bench:
    def __init__(self, options):
        self.binary = options.binary.resolve()
        self.driver, self.origin_program = openloop.programs(self.binary, options.bench)
        self.seconds, self.out = options.seconds, options.out
        self.realtime = options.realtime
        self.workspace = Workspace()
        self.cpu, _origins = openloop.cpus()

    def origin(self, *, slots=SLOTS, slot_time=SLOT_TIME, **more):
        return openloop.Slots(self.origin_program, slots, slot_time, **more)

    def weir(self, ports, upstream=None, route=None):
        return weir(self.binary, self.workspace, ports, upstream or {}, route or {}, cpu=self.cpu)

    def load(self, port, *options):
        return self.start_load(port, *options).report()

    def start_load(self, port, *options):
        return openloop.Load(self.driver, port, "--seconds", self.seconds, *options, realtime=self.realtime)


def summary(part):
    """The figures of a part of a report that every scene tells."""
    latency = part["latency_ok_ms"]
    return {"due": part["due"], "ok": part["ok"], "failed": part["failed"], "omitted": part["omitted"],
            "failures": part["failures"], "statuses": part["statuses"], "p50_ms": latency.get("p50"),
            "p99_ms": latency.get("p99"),
            "late_ms": part["lateness_ms"].get("p99")}


def by_second(part, name):
    return [(second["at"], second[name]) for second in part["seconds"] if name in second]


# --- (a)

def overload(bench):
    fronts = {
        "weir, gradient": lambda ports: bench.weir(
            ports, {"concurrency": GRADIENT, "pool": {**QUEUE, "order": "adaptive"}}),
        "weir, no limit": lambda ports: bench.weir(ports)}
    if installed("nginx"):
        # It has no queue (that is for sale): more than the slots and as many again are refused at once.
        fronts["nginx, limit_conn"] = lambda ports: nginx(
            bench.workspace, ports, http="limit_conn_zone $server_port zone=all:1m;",
            location=f"limit_conn all {2 * SLOTS}; limit_conn_status 503;", cpu=bench.cpu)
    if installed("haproxy"):
        fronts["haproxy, maxconn"] = lambda ports: haproxy(
            bench.workspace, ports, server=f"maxconn {SLOTS + 4}", defaults="  timeout queue 20ms", cpu=bench.cpu)

    def measured(make, factor, *options):
        origin = bench.origin()
        try:
            front = wait_listening(make([origin.port]))
            try:
                return bench.load(front.port, "--rates", int(factor * CAPACITY), "--timeout", "3s", "--warmup", 2,
                                  "--connections", 10_000, *options)
            finally:
                front.stop()
        finally:
            origin.end()

    unloaded = measured(fronts["weir, no limit"], 0.25)["all"]["latency_ok_ms"]["p99"]
    within = round(3 * unloaded, 3)
    series, rows = {}, {}
    for name, make in fronts.items():
        goodput, steps = [], []
        try:
            for factor in (0.5, 0.75, 0.9, 1, 1.5, 2, 3, 4, 5):
                part = measured(make, factor, "--good-within", f"{within}ms")["all"]
                goodput.append((factor, part["good_per_second"]))
                steps.append({"load": factor, "good_per_second": round(part["good_per_second"], 1), **summary(part)})
        except NotStarted as error:
            rows[name] = {"not run": str(error)}
            continue
        series[name] = goodput
        most = max(good for _factor, good in goodput)
        rows[name] = {"peak good_per_second": most, "at 5x of the peak": round(goodput[-1][1] / max(most, 1), 3),
                      "steps": steps}
    tell("overload", bench.out, f"Goodput of an origin that can answer {CAPACITY} a second", "good answers a second",
         series, rows, x_name="load, times the capacity", unloaded_p99_ms=unloaded, good_within_ms=within)


# --- (b)

def isolation(bench):
    """Both upstreams have 500 a second; the sick one 2,500 for 4 s each where 10,000 are to wait."""
    sick = {"pending": 12_000, "pending_timeout": "10s"}

    def measured(port, rate):
        well = bench.origin(slots=0, slot_time="5ms")
        try:
            routes = [{"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": name, "timeout": "4s"}
                      for name in ("well", "sick")]
            upstreams = {"well": {"endpoints": [{"address": f"127.0.0.1:{well.port}"}]},
                         "sick": {"endpoints": [{"address": f"127.0.0.1:{port}"}], "pool": sick}}
            front = wait_listening(weir_with(bench.binary, bench.workspace, upstreams, routes, cpu=bench.cpu))
            try:
                return bench.load(front.port, "--warmup", 5, "--connections", 14_000, "--stream", "well,500,GET,/well",
                                  "--stream", f"sick,{rate},GET,/sick")
            finally:
                front.stop()
        finally:
            well.end()

    def with_origin(rate, frozen=False, **more):
        origin = bench.origin(**more)
        if frozen:
            origin.freeze()
        try:
            return measured(origin.port, rate)
        finally:
            origin.end()

    def with_place(place):
        try:
            return measured(place.port, 500)
        finally:
            place.close()

    def well(rate):
        return with_origin(rate, slots=0, slot_time="5ms")

    kinds = {"slow": (500, lambda: with_origin(500, slots=0, slot_time="3s")),
             "refuses": (500, lambda: with_place(Refusing())),
             "answers no SYN": (500, lambda: with_place(BlackHole())),
             "hangs": (500, lambda: with_origin(500, frozen=True)),
             "10,000 wait": (2500, lambda: with_origin(2500, slots=1, slot_time="1s"))}
    series, rows = {}, {}
    for kind, (rate, measure) in kinds.items():
        before, report, after = well(rate), measure(), well(rate)
        healthy = sorted(each["streams"]["well"]["latency_ok_ms"]["p99"] for each in (before, after))
        part = report["streams"]["well"]
        series[kind] = by_second(part, "p99_ms")
        rows[kind] = {"well": summary(part), "sick": summary(report["streams"]["sick"]),
                      "p99_ms with both well": healthy,
                      "ratio": round(part["latency_ok_ms"]["p99"] * 2 / sum(healthy), 3)}
    tell("isolation", bench.out, "One upstream is sick: the other one's 99th percentile", "p99, ms", series, rows)


# --- (c)

def hedging(bench):
    series, rows = {}, {}
    for name, route in {"no hedge": {}, "after p95": {"hedge": {"after": "p95", "most": 1}},
                        "after 30ms": {"hedge": {"after": "30ms", "most": 1}}}.items():
        origins = [bench.origin(slots=0, slot_time="5ms", stall_each=100, stall="500ms") for _ in range(2)]
        try:
            front = wait_listening(bench.weir([origin.port for origin in origins], {}, route))
            try:
                part = bench.load(front.port, "--rates", 500, "--warmup", 5)["all"]
            finally:
                front.stop()
        except NotStarted as error:
            rows[name] = {"not run": str(error)}
            continue
        finally:
            asked = sum(origin.end()["asked"] for origin in origins)
        series[name] = by_second(part, "max_ms")
        # The origins were asked for what warmed up, too.
        more = {f"{share}_ms": part["latency_ok_ms"][share] for share in ("p99.5", "p99.9", "mean")}
        rows[name] = {**summary(part), **more,
                      "requests to the origins for one": round(asked / (500 * (bench.seconds + 5)), 4)}
    tell("hedging", bench.out, "Two endpoints stall for 500 ms at 1 % of the requests", "the longest, ms", series, rows)


# --- (d)

def zone_loss(bench):
    series, rows = {}, {}
    for name, aware, harm in (("well", "on", None), ("killed", "on", openloop.Slots.kill),
                              ("killed, not zone_aware", "off", openloop.Slots.kill),
                              ("hangs", "on", openloop.Slots.freeze)):
        zones = [(zone, bench.origin(slots=0, slot_time="5ms")) for zone in ("a", "a", "b", "b")]
        try:
            upstreams = {"origins": {
                "endpoints": [{"address": f"127.0.0.1:{origin.port}", "zone": zone} for zone, origin in zones],
                "load_balancer": {"zone_aware": aware},
                "health_check": {"interval": "1s", "timeout": "500ms", "unhealthy_after": 2},
                "outlier_detection": {}}}
            routes = [{"name": "all", "match": {}, "upstream": "origins", "timeout": "2s",
                       "retry": {"try_timeout": "500ms"}}]
            front = wait_listening(weir_with(bench.binary, bench.workspace, upstreams, routes, {"zone": "a"},
                                             bench.cpu))
            try:
                load = bench.start_load(front.port, "--rates", 1000, "--connections", 4000)
                time.sleep(bench.seconds / 3)  # it runs evenly by then
                for zone, origin in zones if harm else ():
                    if zone == "a":
                        harm(origin)
                lost = time.time() * 1000
                report = load.report()
            finally:
                front.stop()
        except NotStarted as error:
            rows[name] = {"not run": str(error)}
            continue
        finally:
            asked = [(zone, origin.end().get("asked")) for zone, origin in zones]
        part = report["all"]
        not_ok = [(second["at"], second["due"] - second["ok"]) for second in part["seconds"]]
        wrong = [at for at, count in not_ok if count]
        series[name] = not_ok
        rows[name] = {**summary(part), "errors": part["due"] - part["ok"], "asked by zone": asked}
        if harm:
            rows[name]["seconds from the loss to the end of the last second with an error"] = round(
                max(0.0, wrong[-1] + 1 - (lost - report["began_ms"]) / 1000), 1) if wrong else 0
    tell("zone_loss", bench.out, "The gateway's own zone is lost", "requests without a good answer, a second",
         series, rows)


# --- (e)

def fairness(bench):
    series, rows = {}, {}
    few, many = CAPACITY // 5, 2 * CAPACITY
    limit = {"concurrency": {"policy": "fixed", "limit": SLOTS}}
    for name, upstream in {"fair": {**limit, "pool": {**QUEUE, "fair": {"header": "X-Caller"}}},
                           "not fair": {**limit, "pool": QUEUE}}.items():
        origin = bench.origin()
        try:
            front = wait_listening(bench.weir([origin.port], upstream))
            try:
                report = bench.load(front.port, "--warmup", 2, "--timeout", "3s", "--connections", 14_000,
                                    "--stream", f"few,{few},GET,/,X-Caller: few",
                                    "--stream", f"many,{many},GET,/,X-Caller: many")
            finally:
                front.stop()
        except NotStarted as error:
            rows[name] = {"not run": str(error)}
            continue
        finally:
            origin.end()
        rows[name] = {}
        for caller, part in report["streams"].items():
            series[f"{caller}, {name}"] = by_second(part, "ok")
            rows[name][caller] = {**summary(part), "share passed": round(part["ok"] / part["due"], 4)}
    tell("fairness", bench.out, f"Two callers, {few} and {many} a second, of {CAPACITY} that can be served",
         "answers a second", series, rows)


# --- (f)

def heuristic(bench):
    series, rows = {}, {}
    for name, upstream in {
            "heuristic": {"concurrency": {"policy": "heuristic", "base": 2 * SLOTS, "floor": SLOTS // 4},
                          "pool": {"pending": 0}},
            "no limit": {}}.items():
        points, rows[name] = [], []
        for rate in (1200, 3500, 5000):
            origin = bench.origin()
            try:
                front = wait_listening(bench.weir([origin.port], upstream))
                try:
                    part = bench.load(front.port, "--rates", rate, "--warmup", 3, "--timeout", "3s",
                                      "--connections", 14_000)["all"]
                finally:
                    front.stop()
            except NotStarted as error:
                rows[name] = {"not run": str(error)}
                break
            finally:
                origin.end()
            share = part["ok"] / part["due"]
            points.append((rate, 100 * share))
            rows[name].append({"rate": rate, "share passed": round(share, 4), **summary(part)})
        if points:
            series[name] = points
    tell("heuristic", bench.out, f"What passes to an origin that can answer {CAPACITY} a second", "% passed", series,
         rows, x_name="requests a second")


SCENES = {each.__name__: each for each in (overload, isolation, hedging, zone_loss, fairness, heuristic)}


def main():
    parser = argparse.ArgumentParser(description="What clients get when more comes than can be served.")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--scenes", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--seconds", type=int, default=10, help="of load for each figure [10]")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."), help="where the plots go [.]")
    parser.add_argument("--bench", type=pathlib.Path, help="where weir-load and weir-origin are [bench, beside Weir]")
    parser.add_argument("--realtime", action="store_true",
                        help="the load goes before all else on its CPU; only root may")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    bench = Bench(options)
    try:
        for scene in options.scenes:
            SCENES[scene](bench)
    finally:
        bench.workspace.close()


if __name__ == "__main__":
    main()
