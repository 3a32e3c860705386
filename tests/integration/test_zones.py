"""Zones: requests stay in the gateway's own as long as it can take them, and a zone that is lost costs
none of them. interface.md section 2 (`zone_aware`, `zone`) and 5 (GET /upstreams)."""

import collections
import os
import shutil
import tempfile
import threading

from harness import BlackHole, Case, basic_config, rows, weir, wait_until


class ZonesCase(Case):
    def serve(self, zones="aabbcc", local="a", workers=1, zone_aware="on", upstream=None, **balancer):
        """An origin o0, o1, ... for each letter, in the zone of that name ("-": in none)."""
        self.origins = []
        for n in range(len(zones)):
            def handler(connection, request, name=f"o{n}"):
                connection.read_body(request)
                connection.reply(200, [("X-Origin", name)])
            self.origins.append(self.origin(handler, name=f"o{n}"))
        return self.gateway(self.config(zones, local, workers, zone_aware, upstream, **balancer))

    def config(self, zones="aabbcc", local="a", workers=1, zone_aware="on", upstream=None, **balancer):
        endpoints = [{"address": o.address, **({"zone": z} if z != "-" else {})}
                     for o, z in zip(self.origins, zones)]
        return basic_config(upstreams={"main": {
            "endpoints": endpoints, "load_balancer": {"zone_aware": zone_aware, **balancer},
            **(upstream or {})}}, workers=workers, server={"zone": local})

    def spread(self, gateway, count):
        client = self.client(gateway)
        out = collections.Counter()
        for _ in range(count):
            client.request("GET", "/")
            answer = client.read_response()
            self.assertEqual(answer.status, 200)
            out[answer.header("x-origin")] += 1
        return out

    def assert_spread(self, gateway, count, shares, delta=4):
        counts = self.spread(gateway, count)
        for name, share in shares.items():
            self.assertAlmostEqual(counts[name], share * count, delta=delta, msg=(name, counts))
        self.assertEqual(set(counts) - set(shares), set())

    def upstream(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]

    def zones(self, gateway):
        return {z["zone"]: z for z in self.upstream(gateway)["zones"]}

    def set_state(self, gateway, n, state):
        path = f"/upstreams/main/endpoints/{self.origins[n].address}"
        self.assertEqual(gateway.admin("PUT", path, {"state": state}).status, 204)

    def requests(self, gateway, zone):
        return gateway.metrics().value("weir_upstream_zone_requests_total", upstream="main", zone=zone)


class ZonesTest(ZonesCase):
    @rows([(policy, policy) for policy in ("round_robin", "least_requests", "random_two", "peak_ewma")])
    def test_requests_stay_in_the_zone(self, policy):
        gateway = self.serve(policy=policy, workers=2)
        counts = self.spread(gateway, 40)
        self.assertEqual(set(counts) - {"o0", "o1"}, set())
        self.assertEqual(self.requests(gateway, "a"), 40)
        self.assertEqual(self.requests(gateway, "b"), 0)

    def test_what_the_zone_cannot_take_goes_to_the_others(self):
        gateway = self.serve()
        self.set_state(gateway, 0, "drain")
        rest = {name: 0.1 for name in ("o2", "o3", "o4", "o5")}
        self.assert_spread(gateway, 200, {"o1": 0.6, **rest})
        # A zone less: two are left.
        self.set_state(gateway, 4, "down")
        self.set_state(gateway, 5, "down")
        self.assert_spread(gateway, 200, {"o1": 2 / 3, "o2": 1 / 6, "o3": 1 / 6})
        self.set_state(gateway, 0, "ready")
        self.assert_spread(gateway, 40, {"o0": 0.5, "o1": 0.5}, delta=1)

    def test_it_is_told(self):
        gateway = self.serve("aabb-c")
        self.set_state(gateway, 0, "drain")
        told = self.upstream(gateway)
        self.assertEqual((told["zone_aware"], told["weights"]), (True, "configured"))
        self.assertEqual([e["zone"] for e in told["endpoints"]], ["a", "a", "b", "b", "", "c"])
        zones = self.zones(gateway)
        self.assertEqual(list(zones), ["", "a", "b", "c"])
        self.assertEqual([zones[z]["local"] for z in zones], [False, True, False, False])
        self.assertEqual([(zones[z]["endpoints"], zones[z]["in_use"]) for z in zones],
                         [(1, 1), (2, 1), (2, 2), (1, 1)])
        # Four zones, and 1 of 5; the others have 1, 2 and 1.
        for zone, share in (("a", 0.8), ("", 0.05), ("b", 0.1), ("c", 0.05)):
            self.assertAlmostEqual(zones[zone]["share"], share, places=6)
        metrics = gateway.metrics()
        weights = [metrics.value("weir_upstream_endpoint_weight", endpoint=o.address)
                   for o in self.origins]
        self.assertEqual(weights, [0, 1, 1, 1, 1, 1])
        done = weir("upstreams", "--admin", "%s:%d" % gateway.addresses["admin"])
        self.assertEqual(done.returncode, 0, done.stderr)
        for line in ("main: no zone: 5% of the requests, 1 of 1 endpoints in use",
                     "main: zone a (here): 80% of the requests, 1 of 2 endpoints in use",
                     "main: zone b: 10% of the requests, 2 of 2 endpoints in use"):
            self.assertIn(line + "\n", done.stdout)

    @rows([("nobody is there", "d", "on"), ("unknown", "", "on"), ("off", "a", "off")])
    def test_otherwise_all_is_by_weight(self, local, zone_aware):
        gateway = self.serve("aabb", local=local, zone_aware=zone_aware)
        self.assert_spread(gateway, 40, {f"o{n}": 0.25 for n in range(4)}, delta=1)

    def test_a_zone_that_is_full_spills(self):
        gateway = self.serve("ab", upstream={"pool": {"in_flight": 1}})
        held = self.client(gateway)
        released = self.hold(self.origins[0])
        held.request("GET", "/")
        wait_until("the first", lambda: len(self.origins[0].heads) == 1)
        self.assertEqual(self.spread(gateway, 5), {"o1": 5})
        released.set()
        self.assertEqual(held.read_response().status, 200)

    def hold(self, origin):
        released = threading.Event()
        self.addCleanup(released.set)

        def handler(connection, request):
            released.wait(30)
            connection.reply(200)
        origin.handler = handler
        return released

    def test_a_reload_moves_the_gateway_and_endpoints(self):
        gateway = self.serve("aabb")
        self.assertEqual(set(self.spread(gateway, 10)), {"o0", "o1"})
        self.assertEqual(gateway.reload_by_post(self.config("aabb", local="b")).status, 200)
        self.assertEqual(set(self.spread(gateway, 10)), {"o2", "o3"})
        self.assertEqual(gateway.reload_by_post(self.config("abab", local="b")).status, 200)
        self.assertEqual(set(self.spread(gateway, 10)), {"o1", "o3"})
        # Without zones nothing is counted by them.
        before = self.requests(gateway, "b")
        self.assertEqual(gateway.reload_by_post(self.config("----")).status, 200)
        self.assertEqual(set(self.spread(gateway, 8)), {"o0", "o1", "o2", "o3"})
        self.assertEqual(self.upstream(gateway)["zones"], [])
        self.assertIn(self.requests(gateway, "b"), (before, None))


class LostZoneTest(ZonesCase):
    def test_one_that_refuses_costs_no_request(self):
        gateway = self.serve("aabb", workers=2)
        self.assertEqual(set(self.spread(gateway, 20)), {"o0", "o1"})
        self.origins[0].close()
        self.origins[1].close()
        # spread() wants 200 for each.
        self.assertEqual(set(self.spread(gateway, 60)), {"o2", "o3"})
        self.assertGreaterEqual(self.requests(gateway, "b"), 60)
        self.assertEqual(self.zones(gateway)["a"]["in_use"], 0)
        self.assertEqual(self.zones(gateway)["b"]["share"], 1)

    def test_its_half_takes_less_then(self):
        gateway = self.serve("aabb")
        self.spread(gateway, 4)
        self.origins[0].close()
        self.spread(gateway, 4)

        # Workers look once a second.
        def settled():
            counts = self.spread(gateway, 30)
            return counts["o2"] + counts["o3"] >= 8
        wait_until("a third for the other zone", settled, timeout=15)
        self.assert_spread(gateway, 90, {"o1": 2 / 3, "o2": 1 / 6, "o3": 1 / 6})

    def test_one_that_is_silent_costs_no_request(self):
        holes = [BlackHole(), BlackHole()]
        for hole in holes:
            self.addCleanup(hole.close)
        gateway = self.serve("bb", upstream={"connect_timeout": "200ms"})
        config = self.config("bb", upstream={"connect_timeout": "200ms"})
        config["upstreams"]["main"]["endpoints"] += [
            {"address": hole.address, "zone": "a"} for hole in holes]
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertEqual(set(self.spread(gateway, 30)), {"o0", "o1"})

    def test_one_whose_checks_fail_is_left(self):
        gateway = self.serve("aabb", upstream={
            "health_check": {"interval": "100ms", "timeout": "5s", "unhealthy_after": 1,
                             "healthy_after": 1}}, panic_threshold="0%")
        sick = set()
        for n, origin in enumerate(self.origins):
            def handler(connection, request, n=n):
                connection.read_body(request)
                check = request.target == "/healthz"
                connection.reply(503 if check and n in sick else 200, [("X-Origin", f"o{n}")])
            origin.handler = handler
        wait_until("all healthy", lambda: all(e["checks"] == "healthy"
                                              for e in self.upstream(gateway)["endpoints"]), 15)
        self.assertEqual(set(self.spread(gateway, 10)), {"o0", "o1"})
        sick |= {0, 1}
        wait_until("zone a out", lambda: self.zones(gateway)["a"]["in_use"] == 0, 15)
        self.assertEqual(set(self.spread(gateway, 10)), {"o2", "o3"})
        sick.clear()
        wait_until("zone a back", lambda: self.zones(gateway)["a"]["in_use"] == 2, 15)
        self.assertEqual(set(self.spread(gateway, 10)), {"o0", "o1"})


class CheckTest(ZonesCase):
    FILE = """version: 1
server: {zone: "${ZONE:-}"}
listeners: [{name: http, bind: "127.0.0.1:8080"}]
routes: [{name: all, match: {}, upstream: main}]
upstreams:
  main:
    endpoints: [{address: "127.0.0.1:1", zone: a}, {address: "127.0.0.1:2", zone: b}]
    load_balancer: {zone_aware: on}
"""

    def check(self, text, zone="", **files):
        folder = tempfile.mkdtemp(prefix="weir-zones-")
        self.addCleanup(shutil.rmtree, folder)
        for name, content in {"weir": text, **files}.items():
            with open(os.path.join(folder, f"{name}.yaml"), "w", encoding="utf-8") as out:
                out.write(content)
        return weir("check", "-c", "weir.yaml", cwd=folder, env={"ZONE": zone})

    def test_a_gateway_that_is_nowhere_is_told(self):
        done = self.check(self.FILE, "a")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("no-effect", done.stdout + done.stderr)
        done = self.check(self.FILE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("upstreams.main.load_balancer.zone_aware: has no effect: where this gateway is "
                      "is not known; set `server.zone` [no-effect]", done.stdout + done.stderr)

    NOBODY = "upstreams.main.load_balancer.zone_aware: has no effect: no endpoint has a `zone` [no-effect]"

    @rows([("with zones", "[{targets: ['127.0.0.1:3'], labels: {zone: a}}]"),
           ("with none yet", "[{targets: ['127.0.0.1:3']}]"), ("empty", "[]")])
    def test_a_file_may_give_zones(self, targets):
        """The static endpoints have none, which is told only where there are no others."""
        static = self.FILE.replace(", zone: a", "").replace(", zone: b", "")
        self.assertIn(self.NOBODY, self.said(static, "a"))
        both = static.replace("    load_balancer", "    endpoints_from: {file: targets.yaml}\n    load_balancer")
        alone = "\n".join(line for line in both.split("\n") if " endpoints:" not in line)
        for text in (both, alone):
            self.assertNotIn("no-effect", self.said(text, "a", targets=targets))
            self.assertIn("where this gateway is is not known", self.said(text, "", targets=targets))

    def said(self, *args, **files):
        done = self.check(*args, **files)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def test_a_hash_is_refused(self):
        done = self.check(self.FILE.replace("zone_aware: on", "policy: hash, key: client_ip, zone_aware: on"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("load_balancer.zone_aware: does not go with `policy: hash`",
                      done.stdout + done.stderr)
