"""Names by DNS: how long answers hold, what failures do, families, services, and who is asked. The
name server is this test's own (harness/zones.py), on a port of 127.0.0.1."""

import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Case, NameServer, Origin, ZoneServer, basic_config, rows, wait_until
from harness.ports import free_port
from harness.waiting import bound

NAME = "orders.test"


class DnsCase(Case):
    def setUp(self):
        self.zone = self.server()

    def server(self, **more):
        server = ZoneServer(**more)
        self.addCleanup(server.close)
        return server

    def answering(self, body, host="127.0.0.1", port=0):
        return self.origin(lambda c, r: c.reply(200, [], body), name=body, host=host, port=port)

    def pair(self, *hosts):
        """Origins "0", "1", ... at one port of several addresses."""
        for _ in range(50):
            first = self.answering("0", hosts[0])
            try:
                return [first] + [self.answering(str(n + 1), host, first.port)
                                  for n, host in enumerate(hosts[1:])]
            except OSError:
                first.close()
        self.fail("no port is free at all of the addresses")

    def config(self, endpoint, servers=None, **dns):
        return basic_config(upstreams={"main": {
            "endpoints": [endpoint if isinstance(endpoint, dict) else {"dns": endpoint}],
            "connect_timeout": "1s",
            "dns": {"servers": servers or [self.zone.address], **dns}}})

    def serving(self, endpoint, **more):
        return self.gateway(self.config(endpoint, **more))

    def upstream(self, gateway):
        return gateway.admin("GET", "/upstreams").json()[0]

    def addresses(self, gateway):
        return [one["address"] for one in self.upstream(gateway)["endpoints"]]

    def bodies(self, gateway, count=1):
        return [self.fetch(gateway, "/").body.decode() for _ in range(count)]

    def wait_body(self, gateway, body, timeout=30):
        wait_until(f"an answer of {body}", lambda: self.bodies(gateway) == [body], timeout, 0.05)

    def look_ups(self, gateway, result):
        return gateway.metrics().value("weir_dns_lookups_total", upstream="main", result=result) or 0


class HoldingTest(DnsCase):
    @rows([("as the answer says", 1, {}, 1), ("not less than min_ttl", 0, {"min_ttl": "1s"}, 1),
           ("not more than max_ttl", 3600, {"max_ttl": "1s"}, 1)])
    def test_an_address_holds(self, ttl, dns, gap):
        first, second = self.pair("127.0.0.1", "127.0.0.2")
        self.zone.set(NAME, A=["127.0.0.1"], ttl=ttl)
        gateway = self.serving(f"{NAME}:{first.port}", **dns)
        self.assertEqual(self.bodies(gateway), ["0"])
        self.zone.set(NAME, A=["127.0.0.2"], ttl=ttl)
        self.wait_body(gateway, "1")
        asked = self.zone.asked(NAME)
        wait_until("a third question", lambda: len(self.zone.asked(NAME)) >= 3, 10)
        asked = self.zone.asked(NAME)
        self.assertGreater(asked[2] - asked[1], gap - 0.1)
        self.assertLess(asked[2] - asked[1], gap + bound(5))

    def test_an_alias_and_its_address_hold_as_the_shorter(self):
        origin = self.answering("0")
        self.zone.set(NAME, CNAME="b.test", ttl=3600)
        self.zone.set("b.test", CNAME="c.test", ttl=1)
        self.zone.set("c.test", A=["127.0.0.1"], ttl=3600)
        gateway = self.serving({"address": f"{NAME}:{origin.port}"})
        self.assertEqual(self.bodies(gateway), ["0"])
        wait_until("a second question", lambda: len(self.zone.asked(NAME)) >= 2, 10)

    def test_two_hundred_addresses(self):
        self.zone.set(NAME, A=[f"127.1.0.{n}" for n in range(1, 201)], ttl=60)
        gateway = self.serving(f"{NAME}:1")
        self.assertEqual(len(self.addresses(gateway)), 200)
        self.assertEqual(self.zone.transports(NAME), {"udp", "tcp"}, "it was too long for UDP")
        self.assertEqual(gateway.metrics().value("weir_upstream_endpoints", upstream="main"), 200)

    def test_requests_in_flight_finish_at_an_address_that_went(self):
        release = threading.Event()
        first, second = self.pair("127.0.0.1", "127.0.0.2")
        arrived = threading.Event()

        def slow(connection, request):
            if request.target != "/slow":
                return connection.reply(200, [], "0")
            arrived.set()
            release.wait(bound(10))
            connection.reply(200, [], "slow")
        first.handler = slow
        self.zone.set(NAME, A=["127.0.0.1"])
        gateway = self.serving(f"{NAME}:{first.port}")
        client = self.client(gateway, timeout=30)
        client.request("GET", "/slow")
        self.assertTrue(arrived.wait(bound(10)))
        self.zone.set(NAME, A=["127.0.0.2"])
        self.wait_body(gateway, "1")
        release.set()
        self.assertEqual(client.read_response().body, b"slow")

    def test_what_is_told(self):
        origin = self.answering("0")
        self.zone.set(NAME, A=["127.0.0.1"], ttl=20)
        gateway = self.serving(f"{NAME}:{origin.port}")
        told = self.upstream(gateway)
        name = told["names"][0]
        self.assertEqual((name["name"], name["source"], name["found_as"], name["error"], name["addresses"]),
                         (f"{NAME}:{origin.port}", "dns", NAME, "", 1))
        self.assertGreater(name["holds_for"], 5)
        self.assertLessEqual(name["holds_for"], 20)
        self.assertLessEqual(name["asked_in"], 20)
        source = told["endpoints"][0]["sources"][0]
        self.assertEqual((source["source"], source["name"]), ("dns", f"{NAME}:{origin.port}"))
        self.assertGreater(source["holds_for"], 5)
        self.assertEqual(self.look_ups(gateway, "ok"), 1)
        fixed = self.gateway(basic_config(upstreams={"main": origin.address}))
        self.assertEqual(self.upstream(fixed)["endpoints"][0]["sources"], [{"source": "file"}])


class FailureTest(DnsCase):
    def serve_one(self, **dns):
        self.zone.set(NAME, A=["127.0.0.1"])
        self.one = self.answering("0")
        gateway = self.serving(f"{NAME}:{self.one.port}", **dns)
        self.assertEqual(self.bodies(gateway), ["0"])
        return gateway

    def test_a_server_failure_keeps_the_last_good(self):
        gateway = self.serve_one(keep_on_nxdomain="0s")
        self.zone.codes[NAME] = "SERVFAIL"
        wait_until("two failures", lambda: self.look_ups(gateway, "failed") >= 2, 15)
        self.assertEqual(self.bodies(gateway, 5), ["0"] * 5)
        self.assertNotEqual(self.upstream(gateway)["names"][0]["error"], "")
        self.assertEqual(self.upstream(gateway)["unresolved"], [])

    def test_silence_keeps_the_last_good(self):
        gateway = self.serve_one(keep_on_nxdomain="0s")
        self.zone.silent.add(NAME)
        wait_until("a time-out", lambda: self.look_ups(gateway, "timeout") >= 1, 30)
        self.assertEqual(self.bodies(gateway, 5), ["0"] * 5)

    @rows([("cut", lambda answer: answer[:-3]), ("round", lambda answer: answer[:-16] + b"\xc0\x1d" + answer[-14:]),
           ("noise", lambda answer: answer[:12] + bytes(reversed(answer[12:]))), ("empty", lambda answer: answer[:12])])
    def test_nonsense_keeps_the_last_good(self, scramble):
        gateway = self.serve_one(keep_on_nxdomain="0s")
        self.zone.scramble = scramble
        wait_until("more questions", lambda: len(self.zone.asked(NAME)) >= 3, 20)
        self.assertEqual(self.bodies(gateway, 5), ["0"] * 5)
        self.zone.scramble = None
        before = self.look_ups(gateway, "ok")
        wait_until("a good answer", lambda: self.look_ups(gateway, "ok") > before, 30)

    def test_a_name_that_is_gone_keeps_its_addresses_for_a_while(self):
        gateway = self.serve_one(keep_on_nxdomain="2s")
        self.zone.remove(NAME)
        wait_until("the answer", lambda: self.look_ups(gateway, "nxdomain") >= 1, 10)
        gone = time.monotonic()
        self.assertEqual(self.bodies(gateway), ["0"])
        wait_until("no address", lambda: self.fetch(gateway, "/").status == 503, 10)
        self.assertGreater(time.monotonic() - gone, 1.5)
        self.assertEqual(self.upstream(gateway)["unresolved"], [f"{NAME}:{self.one.port}"])
        self.assertEqual(gateway.metrics().value("weir_upstream_endpoints", upstream="main"), 0)
        self.assertEqual(gateway.metrics().value("weir_upstream_unresolved", upstream="main"), 1)
        self.zone.set(NAME, A=["127.0.0.1"])
        self.wait_body(gateway, "0")

    @rows([("as long as its SOA says", 3, 3), ("without one min_ttl", None, 1)])
    def test_a_negative_answer_holds(self, minimum, gap):
        gateway = self.serve_one()
        self.zone.minimum = minimum
        self.zone.remove(NAME)
        wait_until("the answer", lambda: self.look_ups(gateway, "nxdomain") >= 2, 15)
        asked = self.zone.asked(NAME)
        self.assertGreater(asked[-1] - asked[-2], gap - 0.1)
        self.assertLess(asked[-1] - asked[-2], gap + bound(5))

    def test_without_an_address_it_is_asked_soon_and_then_less_often(self):
        gateway = self.begun()
        wait_until("questions", lambda: len(self.zone.asked(NAME)) >= 6, 20)
        asked = self.zone.asked(NAME)
        # prepare() of the start asks once, and the watch that follows it is the same question.
        gaps = [later - earlier for earlier, later in zip(asked, asked[1:])]
        for gap, least in zip(gaps, (0.1, 0.2, 0.5, 1, 2)):
            self.assertGreater(gap, least - 0.05, gaps)
            self.assertLess(gap, least + bound(3), gaps)

    def begun(self):
        config = self.config(f"{NAME}:1")
        config["server"]["ready_wait"] = "0s"
        return self.gateway(config)

    def test_a_failed_connect_asks_again_at_once(self):
        first, second = self.pair("127.0.0.1", "127.0.0.2")
        self.zone.set(NAME, A=["127.0.0.1"], ttl=3600)
        gateway = self.serving(f"{NAME}:{first.port}")
        self.assertEqual(self.bodies(gateway), ["0"])
        self.zone.set(NAME, A=["127.0.0.2"], ttl=3600)
        first.close()
        begun = time.monotonic()
        self.wait_body(gateway, "1")
        self.assertLess(time.monotonic() - begun, bound(20))

    def test_the_name_server_dies_and_comes_back(self):
        first, second = self.pair("127.0.0.1", "127.0.0.2")
        self.zone.set(NAME, A=["127.0.0.1"])
        gateway = self.serving(f"{NAME}:{first.port}")
        self.zone.close()
        failed = lambda: self.look_ups(gateway, "failed") + self.look_ups(gateway, "timeout")
        wait_until("failures", lambda: failed() >= 2, 30)
        self.assertEqual(self.bodies(gateway, 5), ["0"] * 5)
        again = self.server(port=self.zone.port)
        again.set(NAME, A=["127.0.0.2"])
        self.wait_body(gateway, "1", 40)

    def test_another_server_is_asked(self):
        origin = self.answering("0")
        silent = self.server()
        silent.silent.add(NAME)
        failing = self.server()
        failing.codes[NAME] = "SERVFAIL"
        self.zone.set(NAME, A=["127.0.0.1"])
        gateway = self.serving(f"{NAME}:{origin.port}",
                               servers=[silent.address, failing.address, self.zone.address])
        self.assertEqual(self.bodies(gateway), ["0"])
        self.assertTrue(silent.asked(NAME) and failing.asked(NAME))

    def test_a_dead_zone_delays_nobody_else(self):
        origin = self.answering("0")
        self.zone.set(NAME, A=["127.0.0.1"])
        self.zone.silent.update(f"n{n}.dead.test" for n in range(300))
        dns = {"servers": [self.zone.address]}
        upstreams = {f"d{n}": {"endpoints": [{"dns": f"n{n}.dead.test:1"}], "dns": dns} for n in range(300)}
        upstreams["z"] = {"endpoints": [{"dns": f"{NAME}:{origin.port}"}], "dns": dns}
        routes = [{"name": "z", "match": {"path_prefix": "/"}, "upstream": "z"}]
        gateway = self.gateway(basic_config(routes, upstreams, server={"ready_wait": "0s"}))
        self.assertEqual(self.bodies(gateway), ["0"])
        asked = len(self.zone.asked(NAME))
        wait_until("more questions", lambda: len(self.zone.asked(NAME)) >= asked + 3, 15)
        self.assertEqual(gateway.terminate(), 0)


class FamilyTest(DnsCase):
    def setUp(self):
        super().setUp()
        try:
            self.v4, self.v6 = self.pair("127.0.0.1", "::1")
        except OSError:
            self.skipTest("no ::1 here")
        self.endpoint = f"{NAME}:{self.v4.port}"

    def test_ipv6_while_it_connects(self):
        self.zone.set(NAME, A=["127.0.0.1"], AAAA=["::1"])
        gateway = self.serving(self.endpoint)
        self.assertEqual(set(self.bodies(gateway, 10)), {"1"})
        self.v6.close()
        self.assertEqual(set(self.bodies(gateway, 10)), {"0"}, "no request fails")

    @rows([("ipv4", "ipv4", "0"), ("ipv6", "ipv6", "1")])
    def test_one_family_alone(self, family, body):
        self.zone.set(NAME, A=["127.0.0.1"], AAAA=["::1"])
        gateway = self.serving({"dns": self.endpoint, "family": family})
        self.assertEqual(set(self.bodies(gateway, 4)), {body})
        other = "A" if family == "ipv6" else "AAAA"
        self.assertEqual(self.zone.asked(NAME, other), [])

    def test_no_data_of_one_is_no_failure(self):
        self.zone.set(NAME, A=["127.0.0.1"])
        gateway = self.serving(self.endpoint)
        self.assertEqual(self.bodies(gateway), ["0"])
        self.assertTrue(self.zone.asked(NAME, "AAAA"))
        self.assertEqual(self.look_ups(gateway, "no_data"), 0)

    def test_silence_about_one_keeps_what_it_had(self):
        self.zone.set(NAME, A=["127.0.0.1"], AAAA=["::1"])
        gateway = self.serving(self.endpoint)
        self.assertEqual(len(self.addresses(gateway)), 2)
        self.zone.silent.add((NAME, "AAAA"))
        before = self.look_ups(gateway, "ok")
        wait_until("more answers", lambda: self.look_ups(gateway, "ok") >= before + 2, 20)
        self.assertEqual(len(self.addresses(gateway)), 2)
        self.assertEqual(set(self.bodies(gateway, 4)), {"1"})


class ServicesTest(DnsCase):
    NAME = "_http._tcp.orders.test"

    def test_hosts_ports_and_weights(self):
        first, second = self.answering("0"), self.answering("1")
        self.zone.set(self.NAME, SRV=[(0, 3, first.port, "h0.test"), (0, 1, second.port, "h1.test")])
        self.zone.set("h0.test", A=["127.0.0.1"])
        self.zone.set("h1.test", A=["127.0.0.1"])
        gateway = self.serving({"srv": self.NAME, "weight": 2})
        weights = {one["address"]: one["weight"] for one in self.upstream(gateway)["endpoints"]}
        self.assertEqual(weights, {first.address: 6, second.address: 2})
        bodies = self.bodies(gateway, 16)
        self.assertGreater(bodies.count("0"), bodies.count("1"))
        self.assertIn("1", bodies)

    def test_a_host_that_cannot_be_asked_keeps_its_addresses(self):
        first, second = self.answering("0"), self.answering("1")
        self.zone.set(self.NAME, SRV=[(0, 1, first.port, "h0.test"), (0, 1, second.port, "h1.test")])
        self.zone.set("h0.test", A=["127.0.0.1"])
        self.zone.set("h1.test", A=["127.0.0.1"])
        gateway = self.serving({"srv": self.NAME})
        self.zone.codes["h1.test"] = "SERVFAIL"
        before = self.look_ups(gateway, "ok")
        wait_until("more answers", lambda: self.look_ups(gateway, "ok") >= before + 2, 20)
        self.assertEqual(sorted(self.addresses(gateway)), sorted([first.address, second.address]))
        self.zone.codes.clear()
        self.zone.set(self.NAME, SRV=[(0, 1, first.port, "h0.test")])
        wait_until("one", lambda: self.addresses(gateway) == [first.address], 10)

    def test_a_service_that_is_not_offered_has_no_address(self):
        self.zone.set(self.NAME, SRV=[(0, 0, 80, "")])
        config = self.config({"srv": self.NAME})
        config["server"]["ready_wait"] = "0s"
        gateway = self.gateway(config)
        self.assertEqual(self.upstream(gateway)["unresolved"], [self.NAME])
        self.assertEqual(self.fetch(gateway, "/").status, 503)


class FilesTest(Case):
    """/etc/hosts and /etc/resolv.conf, as files of the test in a mount namespace."""

    def bound(self, name, text):
        file = tempfile.NamedTemporaryFile("w", prefix=f"weir-{name}-")
        self.addCleanup(file.close)
        self.write(file, text)
        wrapper = ["unshare", "--mount", "sh", "-c",
                   f'mount --bind "$0" /etc/{name} && exec "$@"', file.name]
        if subprocess.run([*wrapper, "true"], capture_output=True, timeout=20).returncode != 0:
            self.skipTest("no mount namespace can be made here")
        return file, wrapper

    @staticmethod
    def write(file, text):
        file.seek(0)
        file.truncate()
        file.write(text)
        file.flush()
        os.fsync(file.fileno())

    def test_the_hosts_file_comes_first_and_is_watched(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "0"))
        other = self.origin(lambda c, r: c.reply(200, [], "1"), host="127.0.0.2", port=origin.port)
        zone = ZoneServer()
        self.addCleanup(zone.close)
        zone.set("a.test", A=["127.0.0.9"])
        file, wrapper = self.bound("hosts", "127.0.0.1 a.test\n")
        gateway = self.gateway(basic_config(upstreams={"main": {
            "endpoints": [{"dns": f"a.test:{origin.port}"}], "dns": {"servers": [zone.address]}}}),
            wrapper=wrapper)
        self.assertEqual(self.fetch(gateway, "/").body, b"0")
        name = gateway.admin("GET", "/upstreams").json()[0]["names"][0]
        self.assertEqual((name["source"], name["holds_for"]), ("hosts", None))
        self.write(file, "127.0.0.2 a.test\n")
        wait_until("the other", lambda: self.fetch(gateway, "/").body == b"1", 10)
        self.assertEqual(zone.asked("a.test"), [])
        zone.set("a.test", A=["127.0.0.1"])
        self.write(file, "127.0.0.2 b.test\n")
        wait_until("the name server's", lambda: self.fetch(gateway, "/").body == b"0", 10)

    def test_localhost_is_loopback_whatever_the_files_say(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "0"))
        _, wrapper = self.bound("hosts", "")
        gateway = self.gateway(basic_config(upstreams={"main": f"localhost:{origin.port}"}), wrapper=wrapper)
        for _ in range(5):
            self.assertEqual(self.fetch(gateway, "/").body, b"0")
        name = gateway.admin("GET", "/upstreams").json()[0]["names"][0]
        self.assertEqual(name["source"], "loopback")

    def test_names_are_searched_and_resolv_conf_is_read_again(self):
        origin = self.origin(lambda c, r: c.reply(200, [], "0"))
        first, second = NameServer({"a.ns.test": ["127.0.0.1"]}), NameServer({"a.test": ["127.0.0.1"]})
        self.addCleanup(first.close)
        self.addCleanup(second.close)
        file, wrapper = self.bound(
            "resolv.conf", f"nameserver {first.address}\nsearch ns.test test\noptions ndots:2\n")
        gateway = self.gateway(basic_config(upstreams={"main": {
            "endpoints": [{"dns": f"a:{origin.port}"}]}}), wrapper=wrapper)
        self.assertEqual(self.fetch(gateway, "/").body, b"0")
        self.assertEqual({name for _, name in first.queries}, {"a.ns.test"})
        self.write(file, f"nameserver {second.address}\nsearch ns.test test\n")
        wait_until("the other server", lambda: second.asked("a.test"), 10)
        self.assertTrue(second.asked("a.ns.test"), "in their order")
        self.assertEqual(self.fetch(gateway, "/").body, b"0")


class DnsmasqTest(DnsCase):
    """Debian's dnsmasq, whose answers come from a hosts file that it reads again at SIGHUP."""

    def test_a_real_server(self):
        path = next((p for p in ("/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq") if os.path.exists(p)), None)
        if path is None:
            raise unittest.SkipTest("dnsmasq is not here")
        first, second = self.pair("127.0.0.1", "127.0.0.2")
        port = free_port()
        folder = tempfile.TemporaryDirectory(prefix="weir-dnsmasq-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        hosts = os.path.join(folder.name, "hosts")

        def write(text):
            with open(hosts, "w") as file:
                file.write(text)
            os.chmod(hosts, 0o644)
        write(f"127.0.0.1 {NAME}\n")
        server = subprocess.Popen(
            [path, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             f"--addn-hosts={hosts}", f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces",
             "--local-ttl=1", "--local=/test/", "--pid-file=", "--user=", "--log-facility=-"],
            stderr=subprocess.PIPE)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

        def listens():
            self.assertIsNone(server.poll(), "dnsmasq ended")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until("dnsmasq", listens, 10)
        gateway = self.gateway(self.config(f"{NAME}:{first.port}", servers=[f"127.0.0.1:{port}"],
                                           keep_on_nxdomain="2s"))
        self.wait_body(gateway, "0")
        write(f"127.0.0.2 {NAME}\n")
        server.send_signal(1)
        self.wait_body(gateway, "1")
        write("")
        server.send_signal(1)
        wait_until("no address", lambda: self.fetch(gateway, "/").status == 503, 15)


if __name__ == "__main__":
    unittest.main()
