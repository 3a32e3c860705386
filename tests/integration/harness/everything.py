"""A gateway that has done all it can do: every metric that boards and alerts name has a series in its scrape."""

from .client import Client
from .etcd import Etcd
from .gateway import Gateway, basic_config
from .h2 import H2Client
from .origin import Origin, Refusing
from .tls import Authority, TlsClient, client_context
from .waiting import wait_until

LOAD = "endpoint-load-metrics"
MOST_SERIES = 60  # of a metric; only routes are more
ROUTES = 60
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]


def answer(connection, request):
    connection.read_body(request)
    what = request.target.rsplit("/", 1)[-1]
    if what == "late":
        connection.wait_ended()
    elif what == "failing" and request.header("x-attempt") in (None, "1"):
        connection.reply(503)
    elif what == "call":
        connection.reply(200, [("Content-Type", "application/grpc")], b"\0\0\0\0\0", chunked=True,
                         trailers=[("grpc-status", "0")])
    else:
        connection.reply(500 if what == "500" else 200, [(LOAD, "TEXT application_utilization=0.5,rps_fractional=10")])


class Everything:
    """`start()`, then `drive()` as often as there shall be news; `close()`."""

    def __init__(self):
        self.closing = []
        self.origin, self.other = self.own(Origin(answer)), self.own(Origin(answer))
        self.refusing = self.own(Refusing())
        self.etcd = self.own(Etcd()).start()
        self.authority = self.own(Authority())
        self.cert, self.key = self.authority.issue("weir", ["weir.test"])
        self.gateway = self.own(Gateway(self.config(), files={"listed.json": f'["{self.origin.address}"]'}))

    def own(self, each):
        self.closing.append(each)
        return each

    def close(self):
        for each in reversed(self.closing):
            each.close()

    def config(self):
        main, other, dead = self.origin.address, self.other.address, self.refusing.address
        port = main.rsplit(":", 1)[1]

        def to(name, upstream, **more):
            return {"name": name, "match": {"path_prefix": f"/{name}"}, "upstream": upstream, **more}
        routes = [
            {"name": "split", "match": {"path_prefix": "/split"}, "split": [
                {"upstream": "stable", "weight": 1}, {"upstream": "canary", "weight": 1}],
             "retry": {"conditions": [503], "backoff": {"base": "1ms", "max": "2ms"}},
             "request_headers": {"set": {"x-attempt": "{attempt}"}}},
            to("hedged", "stable", hedge={"after": "10ms"}, timeout="2s"),
            to("mirrored", "stable", mirror={"upstream": "shadow", "sample": "100%"}),
            to("fallback", "dead", fallback={"upstream": "stable"}),
            to("dead", "dead"), to("named", "named"), to("unknown", "unknown"), to("listed", "listed"),
            to("zoned", "zoned"), to("shed", "shed"),
            to("limited", "stable", middleware=[{"rate_limit": {"rate": "1/h", "burst": 1}}]),
            to("low", "stable", priority="low", middleware=[{"load_shed": {"memory": "0.001%", "connections": "90%"}}]),
            *(to(f"z{n}", "stable") for n in range(ROUTES)),  # the last ones by name: these are folded
        ]
        upstreams = {
            "stable": {"endpoints": [{"address": main}, {"address": other}], "circuit_breaker": {},
                       "concurrency": {"policy": "fixed", "limit": 100}, "load_balancer": {"weights": "reported"}},
            "canary": {"endpoints": [{"address": other}], "circuit_breaker": {}},
            "shadow": {"endpoints": [{"address": other}]},
            "dead": {"endpoints": [{"address": dead}], "circuit_breaker": {
                "minimum_calls": 2, "window": "10s", "open_for": "1s"},
                "health_check": {"type": "tcp", "interval": "1s"}, "outlier_detection": {"consecutive_errors": 1}},
            "named": {"endpoints": [{"address": f"localhost:{port}"}]},
            "unknown": {"endpoints": [{"address": "nobody.invalid:80"}]},
            "listed": {"endpoints_from": {"file": "listed.json"}},
            "zoned": {"endpoints": [{"address": main, "zone": "a"}, {"address": other, "zone": "b"}],
                      "load_balancer": {"zone_aware": "on"}},
            "shed": {"endpoints": [{"address": main}], "circuit_breaker": {"shed": {"rate": "1/s", "share": "50%"}}},
        }
        config = basic_config(routes, upstreams, listener={"protocols": ["http1", "h2c"]},
                              limits={"raw_target_bytes": "encode"}, server={"zone": "a", "ready_wait": "0s"},
                              metrics={"max_series": MOST_SERIES},
                              tracing={"otlp": {"endpoint": f"http://{dead}"}, "sample": "100%"},
                              providers={"etcd": {"endpoints": [self.etcd.url]}})
        config["listeners"].append({"name": "https", "bind": "127.0.0.1:0", "tls": {
            "certificates": [{"cert": self.cert, "key": self.key}]}})
        return config

    def start(self):
        self.gateway.start()
        self.gateway.reload_by_post()
        return self

    def fetch(self, *targets, method="GET", body=None, times=1):
        client = Client(self.gateway.address())
        try:
            for target in targets * times:
                client.request(method, target, (), body)
                client.read_response(method)
        finally:
            client.close()

    def drive(self):
        """All kinds of requests, once around."""
        self.fetch("/split", "/split/failing", "/split/500", times=8)
        self.fetch("/hedged/late", "/mirrored", "/named", "/unknown", "/listed",
                   "/zoned", "/limited", "/limited", "/low", "/nothing", "/fallback", "/stable?\u00e4")
        self.fetch("/shed", times=10)
        self.fetch("/dead", times=4)
        self.fetch("/split", method="POST", body=b"x" * 1000)
        self.fetch(*(f"/z{number}" for number in range(ROUTES)))
        calls = H2Client(self.gateway.address())
        calls.fetch("POST", "/split/call", GRPC, b"")
        calls.close()
        secure = TlsClient(self.gateway.address("https"), context=client_context(self.authority.ca),
                           name="weir.test")
        secure.request("GET", "/split")
        secure.read_response()
        secure.close()
        plain = Client(self.gateway.address("https"))
        plain.send("GET / HTTP/1.1\r\n\r\n")
        plain.close()

    def until(self, names, timeout=60):
        """Drives until a scrape has a sample of each name; the names that never came."""
        missing = set(names)

        def seen():
            nonlocal missing
            self.drive()
            metrics = self.gateway.metrics()
            missing = {name for name in names if not metrics.series(name)}
            return not missing
        try:
            wait_until("all metrics", seen, timeout, 0.2)
        except AssertionError:
            pass
        return missing
