"""Where listeners are bound: both families, several addresses, and what is said of each."""

import socket
import unittest

from harness import Case, Client, Gateway, basic_config, rows, weir
from harness.waiting import bound

ROUTES = [{"name": "r", "match": {"path_prefix": "/"},
           "redirect": {"status": 307, "to": "/{client_ip}"}}]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def config(bind, **more):
    return basic_config(ROUTES, listener={"bind": bind}, **more)


class BindTest(Case):
    def listening(self, gateway, name="http"):
        """The addresses that the log tells, in order."""
        return [line.split("address=")[1].split()[0] for line in gateway.lines
                if f"listening name={name} " in line]

    def ask(self, host, port):
        with Client((host, port)) as peer:
            peer.request("GET", "/")
            response = peer.read_response()
        self.assertEqual(response.status, 307)
        return response.header("location").removeprefix("/")

    def told(self, gateway):
        return {row["name"]: row for row in gateway.admin("GET", "/listeners").json()}

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    @rows([("one worker", 1), ("three workers", 3)])
    def test_both_families_on_one_socket(self, workers):
        gateway = self.gateway(config("*:0", workers=workers))
        port = gateway.port()
        self.assertEqual(self.listening(gateway), [f"[::]:{port}"])
        self.assertEqual(self.ask("127.0.0.1", port), "127.0.0.1")  # not ::ffff:127.0.0.1
        self.assertEqual(self.ask("::1", port), "::1")
        self.assertEqual(self.told(gateway)["http"]["addresses"], [f"[::]:{port}"])
        self.assertEqual(gateway.terminate(), 0)

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_ipv6_alone_is_told(self):
        gateway = self.gateway(config("[::]:0"))
        self.assertEqual(self.ask("::1", gateway.port()), "::1")
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", gateway.port()), bound(20))
        gateway.wait_log("the warning", "takes IPv6 alone")
        done = weir("check", "-c", gateway.file("weir.yaml"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("takes IPv6 alone", done.stdout + done.stderr)

    def test_several_addresses(self):
        gateway = self.gateway(config(["127.0.0.1:0", "127.0.0.2:0", "unix:http.sock"]))
        addresses = self.listening(gateway)
        self.assertEqual(len(addresses), 3)
        told = self.told(gateway)["http"]
        self.assertEqual((told["address"], told["addresses"]), (addresses[0], addresses))
        for address in addresses[:2]:
            host, port = address.rsplit(":", 1)
            self.assertEqual(self.ask(host, int(port)), "127.0.0.1")
        with Client(addresses[2].removeprefix("unix:")) as peer:
            peer.request("GET", "/")
            self.assertEqual(peer.read_response().status, 307)
        self.assertEqual(gateway.metrics().value("weir_connections_total", listener="http",
                                                 protocol="http1"), 3)
        self.assertEqual(gateway.terminate(), 0)

    def test_a_reload_changes_one_of_them(self):
        gateway = self.gateway(config(["127.0.0.1:0", "127.0.0.2:0"]))
        kept, gone = self.told(gateway)["http"]["addresses"]
        answer = gateway.reload_by_post(config(["127.0.0.1:0", "127.0.0.3:0"]))
        self.assertEqual((answer.status, answer.json()["changes"]), (200, "listeners ~1"))
        addresses = self.told(gateway)["http"]["addresses"]
        self.assertEqual(addresses[0], kept)
        self.assertTrue(addresses[1].startswith("127.0.0.3:"), addresses)
        for address in addresses:
            host, port = address.rsplit(":", 1)
            self.assertEqual(self.ask(host, int(port)), "127.0.0.1")
        host, port = gone.rsplit(":", 1)
        with self.assertRaises(OSError):
            socket.create_connection((host, int(port)), bound(20))

    def test_one_that_is_taken_is_named(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen(1)
            taken = "%s:%d" % other.getsockname()
            gateway = self.gateway_that_fails(config(["127.0.0.1:0", taken]))
        self.assertIn(f"listener http: {taken}: address already in use", gateway)

    def gateway_that_fails(self, settings):
        gateway = Gateway(settings)
        self.addCleanup(gateway.close)
        with self.assertRaises(AssertionError):
            gateway.start()
        return "\n".join(gateway.lines)
