"""Everybody misbehaves, as in test_chaos, with every rule that looks at a try switched on at once: retries and
hedges within a budget, health checks, ejection, zones, reported load, an adaptive limit with a fair queue,
deadlines, shedding and the breaker, while reloads go on. The rules may refuse; what is answered is right, and nothing
is left behind."""

import threading

import test_chaos
from harness import basic_config, rows
from harness.h2_origin import H2Origin
from harness.origin import Refusing
from harness.waiting import bound

REPORT = ("endpoint-load-metrics", "TEXT application_utilization=0.4,rps_fractional=80")


class ReportingOrigin(test_chaos.Origin):
    """Tells its load in each answer that is whole."""

    def plain(self, connection, request, token):
        body = connection.read_body(request)
        connection.reply(200, [("X-Token", token), REPORT], token.encode() + body)


class Http2Origin:
    """The same over HTTP/2, where a stream may end at random."""

    def __init__(self):
        self.release = threading.Event()

    def __call__(self, request):
        action, token = dict(request.headers)[":path"].strip("/").split("/")[:2]
        body = request.read_body()
        if action in ("reset", "garbage"):
            return request.give_up(2)  # INTERNAL_ERROR
        if action == "close":
            return request.connection.close(reset=True)
        if action == "truncate":
            request.head(200, [("content-length", "9999"), ("x-token", token)])
            request.content(b"half")
            return request.give_up(2)
        if action == "stall":
            self.release.wait(bound(0.4))
        repeats = {"chunked": 3000, "large": 30000}.get(action, 1)
        content = token.encode() * repeats + (body if action == "plain" else b"")
        return request.reply(200, content, [("x-token", token), REPORT])


class Visitor(test_chaos.Visitor):
    """Half of its requests are such that may be tried again and hedged; all have a deadline."""

    def visit(self, peer):
        if self.dice.random() < 0.5:
            return super().visit(peer)
        for _ in range(self.dice.randint(1, 12)):
            self.count += 1
            token = f"{self.name_of_client}-{self.count}"
            action = self.dice.choice(test_chaos.ACTIONS)
            peer.request("GET", f"/{action}/{token}", [
                ("X-Request-Timeout", self.dice.choice(["50ms", "2s", "8000"])), ("X-Caller", token[:3])])
            if self.dice.random() < 0.05:
                return peer.reset()
            response = peer.read_response()
            self.judge(response, token, b"", action)
            if response.header("endpoint-load-metrics"):
                self.wrong.append(f"{token}: the client got the endpoint's load")
            if response.header("connection"):
                return None
        return None


def governed(endpoints, protocol):
    route = {
        "upstream": "main", "timeout": "10s", "middleware": ["protect"],
        "retry": {"retries": 2, "backoff": {"base": "5ms"}}, "hedge": {"after": "50ms", "most": 2}}
    return basic_config(
        [{"name": "low", "match": {"path_prefix": "/large"}, "priority": "low", **route},
         {"name": "rest", "match": {"path_prefix": "/"}, "priority": "high", **route}],
        {"main": {
            "endpoints": endpoints, "protocol": protocol, "connect_timeout": "1s",
            "load_balancer": {"policy": "peak_ewma", "zone_aware": "on", "weights": "reported",
                              "slow_start": "1s"},
            "pool": {"pending": 64, "pending_timeout": "2s", "order": "adaptive",
                     "fair": {"header": "x-caller"}},
            "concurrency": {"policy": "gradient", "min": 4, "max": 16},
            "health_check": {"type": "tcp", "interval": "200ms", "timeout": "1s"},
            "outlier_detection": {"consecutive_errors": 8, "ejection_time": "100ms", "interval": "1s"},
            "retry_budget": {"share": "50%", "min": 10},
            "circuit_breaker": {"failure_rate": "90%", "minimum_calls": 200, "window": "1s",
                                "open_for": "200ms",
                                "shed": {"rate": "400/s", "p95": "300ms", "share": "15%"}}}},
        middleware={"protect": {"load_shed": {"lag": "2s", "saturation": "off"}}},
        trusted_proxies=["127.0.0.1/32"],
        server={"zone": "a",
                "deadline": {"accept": ["grpc-timeout", "x-request-timeout"], "send": "on",
                             "refuse_hopeless": "on"}})


class GovernedChaosTest(test_chaos.ChaosCase):
    def endpoints(self, protocol):
        refusing = Refusing()
        self.addCleanup(refusing.close)
        addresses = [refusing.address]
        for _ in range(3):
            origin = H2Origin(Http2Origin()) if protocol == "h2" else self.origin(ReportingOrigin())
            if protocol == "h2":
                self.addCleanup(origin.close)
            addresses.append(origin.address)
        return [{"address": address, "zone": "ab"[n % 2]} for n, address in enumerate(addresses)]

    @rows([(f"{protocol}, {'with reloads' if reloads else 'no reload'}", protocol, reloads, seed)
           for protocol, reloads, seed in (("http1", False, 31), ("http1", True, 32), ("h2", True, 33))])
    def test_nothing_is_left(self, protocol, reloads, seed):
        gateway = self.gateway(governed(self.endpoints(protocol), protocol))
        self.visit(gateway, seed, reloads, Visitor)
        self.wait_given_back(gateway)
        upstream, = gateway.admin("GET", "/upstreams").json()
        self.assertEqual([e["in_flight"] for e in upstream["endpoints"] if e["in_flight"]], [])
        metrics = gateway.settled_metrics()
        hedges = [metrics.value("weir_hedges_total", upstream="main", result=result) or 0
                  for result in ("won", "lost", "budget")]
        retries = [metrics.value("weir_retries_total", upstream="main", result=result) or 0
                   for result in ("success", "failure", "budget")]
        self.assertTrue(sum(hedges) and sum(retries), (hedges, retries))
        self.assertEqual(gateway.terminate(), 0)
