"""The share of an upstream's permits that one client address may have: interface.md section 2
(`pool.client_share`)."""

import threading

from harness import Case, basic_config, rows, wait_until


class ClientShareTest(Case):
    def setUp(self):
        self.release = threading.Event()
        self.addCleanup(self.release.set)

    def holding(self, connection, request):
        if request.target.startswith("/hold"):
            self.release.wait(20)
        connection.reply(200, [], request.target)

    def serve(self, workers=2, **pool):
        self.upstream = self.origin(self.holding)
        return self.gateway(basic_config(
            upstreams={"main": {"endpoints": [{"address": self.upstream.address}], "pool": pool}},
            workers=workers, trusted_proxies=["127.0.0.0/8"]))

    def hold(self, gateway, count, client):
        before = len(self.upstream.heads)
        peers = [self.client(gateway) for _ in range(count)]
        for peer in peers:
            peer.request("GET", "/hold", [("X-Forwarded-For", client)])
        self.upstream.wait_for_head(before + count)
        return peers

    def ask(self, gateway, client):
        return self.fetch(gateway, "/x", headers=[("X-Forwarded-For", client)])

    @rows([("one worker", 1), ("two workers", 2)])
    def test_what_is_beyond_is_refused_and_others_are_served(self, workers):
        gateway = self.serve(workers, in_flight=8, client_share="25%", pending_timeout="10s")
        held = self.hold(gateway, 2, "192.0.2.1")
        problem = self.assert_problem(self.ask(gateway, "192.0.2.1"), "pool_full")
        self.assertIn("share", problem["detail"])
        self.assertNotIn("192.0.2.1", problem["detail"])
        self.assertEqual(self.ask(gateway, "192.0.2.2").status, 200)
        self.release.set()
        for peer in held:
            self.assertEqual(peer.read_response().status, 200)
        self.assertEqual(self.ask(gateway, "192.0.2.1").status, 200)

    def test_an_ipv6_client_is_its_network(self):
        gateway = self.serve(in_flight=4, client_share="25%")
        self.hold(gateway, 1, "2001:db8::1")
        self.assert_problem(self.ask(gateway, "2001:db8::2"), "pool_full")
        self.assertEqual(self.ask(gateway, "2001:db8:0:1::1").status, 200)

    def test_who_waits_counts_too(self):
        gateway = self.serve(in_flight=2, client_share="100%", pending=10, pending_timeout="10s")
        self.hold(gateway, 1, "192.0.2.1")
        self.hold(gateway, 1, "192.0.2.2")
        waiting = self.client(gateway)
        waiting.request("GET", "/waits", [("X-Forwarded-For", "192.0.2.1")])
        self.wait_pending(gateway, 1)
        self.assert_problem(self.ask(gateway, "192.0.2.1"), "pool_full")
        self.release.set()
        self.assertEqual(waiting.read_response().status, 200)

    def wait_pending(self, gateway, count):
        wait_until(f"{count} waiting", lambda: gateway.admin(
            "GET", "/upstreams").json()[0]["pending"] == count)

    def test_off_by_default(self):
        gateway = self.serve(in_flight=4)
        self.hold(gateway, 4, "192.0.2.1")

    def test_one_warning_when_a_client_holds_half(self):
        gateway = self.serve(in_flight=8)
        self.hold(gateway, 3, "192.0.2.1")
        self.hold(gateway, 1, "192.0.2.2")
        self.assertEqual([line for line in gateway.lines if "holds half" in line], [])
        self.hold(gateway, 2, "192.0.2.1")
        gateway.wait_log("the warning", "one client address holds half of an upstream's places")
        line, = [line for line in gateway.lines if "holds half" in line]
        self.assertIn("upstream=main", line)
        self.assertIn("client=192.0.2.1", line)
