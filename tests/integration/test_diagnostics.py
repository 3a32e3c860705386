"""What went wrong has its cause in the diagnostics: once at once, then counted; and the client gets
a sentence, which is in the access log, too."""

import base64
import json
import socket
import ssl
import threading
import time
import unittest

from harness import Authority, Case, Refusing, TlsOrigin, basic_config, rows, wait_until
from harness.h2 import H2Client, request_fields
from harness.h2_origin import H2Origin
from harness.tls import client_context
from harness.tokens import SECRET, Key, bearer, guarded, hs256, issuer, jwks

SHA512_OF_PW = ("$6$weirweir$1tpz9c9UH2cNiFhR53f3olexchteUl28XOaSV848stNA3FEIP2VVywfPJWCfl1wi"
                "GIEGwCuXUKu2G1V9edlSu/")


def lines_with(text):
    return lambda lines: [line for line in lines if text in line]


class DiagnosticsCase(Case):
    def line(self, gateway, message):
        """The one line with that message."""
        found = gateway.wait_log(message, lines_with(f" {message} "))
        self.assertEqual(len(found), 1, found)
        return found[0]

    def entries(self, gateway, count):
        def read():
            try:
                with open(gateway.file("access.log"), encoding="utf-8") as file:
                    lines = file.read().splitlines()
            except FileNotFoundError:
                return None
            return [json.loads(line) for line in lines] if len(lines) >= count else None
        # Each worker has a ring of its own, so lines of two connections may change places.
        return sorted(wait_until("lines of the access log", read), key=lambda one: one["time"])


class HandshakeTest(DiagnosticsCase):
    def test_a_websocket_on_a_route_without_upgrades(self):
        gateway = self.gateway(basic_config(
            [{"name": "chat", "match": {"path_prefix": "/"}, "upstream": "app"}],
            {"app": self.origin().address}, listener={"protocols": ["http1", "h2c"]},
            access_log={"path": "access.log"}))
        answer = self.fetch(gateway, "/ws", headers=[
            ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
        self.assertEqual(answer.status, 200)
        client = H2Client(gateway.address())
        self.addCleanup(client.close)
        stream = client.request_raw([(":protocol", "websocket"), *request_fields(
            "CONNECT", "/ws", more=[("sec-websocket-version", "13")])], end=False)
        self.assertEqual(dict(client.head(stream).fields)[":status"], "501")
        self.fetch(gateway, "/plain")
        line = self.line(gateway, "WebSocket handshake on a route without upgrades")
        self.assertIn(" info ", line)
        self.assertIn("route=chat client_ip=127.0.0.1", line)
        said = {entry["path"] + str(entry["status"]): entry.get("detail")
                for entry in self.entries(gateway, 3)}
        told = "a WebSocket handshake, but the route has no upgrades: [websocket]"
        self.assertEqual(said, {"/ws200": told, "/ws501": told, "/plain200": None})


class UpstreamTest(DiagnosticsCase):
    def test_a_refused_connect_is_told_once_and_counted_at_the_end(self):
        dead = Refusing()
        self.addCleanup(dead.close)
        gateway = self.gateway(basic_config(upstreams={"app": dead.address},
                                            access_log={"path": "access.log"}))
        for _ in range(5):
            response = self.fetch(gateway)
            self.assertEqual(response.status, 502)
            self.assertEqual(json.loads(response.body)["detail"],
                             "the upstream refused the connection")
        line = self.line(gateway, "connect failed")
        self.assertIn(" warn ", line)
        self.assertIn(f"upstream=app error=ECONNREFUSED endpoint={dead.address}", line)
        for entry in self.entries(gateway, 5):
            self.assertEqual(entry["detail"], "the upstream refused the connection")
        gateway.terminate()
        told = [line for line in gateway.lines if "connect failed" in line]
        self.assertEqual(len(told), 2, told)
        # The only endpoint is tried twice for each request; the first try was told at once.
        self.assertRegex(told[1], r"error=ECONNREFUSED .*times=9$")

    def test_no_endpoint(self):
        gateway = self.gateway(basic_config(upstreams={"app": "no-such-name.invalid:80"},
                                            server={"ready_wait": "0s"},
                                            access_log={"path": "access.log"}))
        problem = self.assert_problem(self.fetch(gateway), "no_healthy_endpoint")
        self.assertNotIn("app", problem["detail"].split())
        self.assertEqual(self.entries(gateway, 1)[0]["detail"], problem["detail"])
        self.assertIn("upstream=app name=no-such-name.invalid:80 error=",
                      self.line(gateway, "name not resolved"))

    @rows([
        ("a head that is none", b"HELO\r\n\r\n", "upstream_bad_response"),
        ("closed at once", b"", "upstream_reset"),
    ])
    def test_an_answer_that_is_none(self, sent, reason):
        def handler(connection, _):
            connection.send(sent)
            connection.close()
        origin = self.origin(handler)
        gateway = self.gateway(basic_config(upstreams={"app": origin.address}))
        self.assert_problem(self.fetch(gateway, method="POST", body=b"x"), reason)
        line = self.line(gateway, "upstream failed")
        self.assertIn(f"upstream=app reason={reason} error=", line)
        self.assertIn(f"endpoint={origin.address}", line)

    def test_an_answer_that_is_cut(self):
        def handler(connection, _):
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal")
            connection.close()
        origin = self.origin(handler)
        gateway = self.gateway(basic_config(upstreams={"app": origin.address},
                                            access_log={"path": "access.log"}))
        client = self.client(gateway)
        client.request("GET", "/")
        with self.assertRaises(Exception):
            client.read_response()
        entry, = self.entries(gateway, 1)
        self.assertEqual((entry["status"], entry["reason"]), (200, "upstream_incomplete"))
        self.assertEqual(entry["detail"], "closed in the middle of the content")
        self.line(gateway, "upstream's answer cut")


class TlsTest(DiagnosticsCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.cert = cls.authority.issue("local", ["app.internal"])

    def upstream(self, cert, **tls):
        origin = TlsOrigin(cert=cert)
        self.addCleanup(origin.close)
        return self.gateway(basic_config(upstreams={"app": {
            "endpoints": [{"address": origin.address}],
            "tls": {"ca": self.authority.ca, "server_name": "app.internal", **tls}}}))

    def test_an_upstream_s_certificate(self):
        other = Authority("other")
        self.addCleanup(other.close)
        for name, cert, more, said in (
                ("date", self.authority.issue("old", ["app.internal"], expired=True), {},
                 "certificate has expired: for app.internal, valid 2020-01-01 to 2020-02-01"),
                ("name", self.cert, {"server_name": "else.internal"},
                 "with else.internal: for app.internal, valid "),
                ("authority", other.issue("local", ["app.internal"]), {},
                 "issued by CN=Weir test other")):
            with self.subTest(name):
                gateway = self.upstream(cert, **more)
                problem = json.loads(self.fetch(gateway).body)
                self.assertEqual(problem["reason"], "upstream_tls_failed")
                self.assertEqual(problem["detail"], "the upstream's certificate is not accepted")
                line = self.line(gateway, "upstream TLS failed")
                self.assertIn("upstream=app", line)
                self.assertIn(said, line)

    def test_a_plain_upstream(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def greet():
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(100)
                    peer.sendall(b"220 a server that speaks plainly\r\n")
                    while peer.recv(1000):
                        pass
        threading.Thread(target=greet, daemon=True).start()
        gateway = self.gateway(basic_config(upstreams={"app": {
            "endpoints": [{"address": "127.0.0.1:%d" % server.getsockname()[1]}],
            "connect_timeout": "10s", "tls": {"ca": self.authority.ca}}}))
        problem = json.loads(self.fetch(gateway).body)
        self.assertEqual(problem["detail"], "the TLS handshake with the upstream failed")
        self.line(gateway, "upstream TLS failed")

    def listener(self, **tls):
        cert, key = self.cert
        origin = self.origin()
        return self.gateway(basic_config(upstreams={"app": origin.address}, listener={
            "tls": {"certificates": [{"cert": cert, "key": key}], **tls}}))

    def assert_handshake_failed(self, gateway, cause):
        line = self.line(gateway, "TLS handshake failed")
        self.assertRegex(line, rf"listener=http cause={cause} .*peer=127\.0\.0\.1:\d+")
        gateway.wait_metric(1, "weir_tls_handshake_failures_total", listener="http", cause=cause)

    def test_a_client_that_leaves(self):
        gateway = self.listener()
        socket.create_connection(gateway.address()).close()
        self.assert_handshake_failed(gateway, "closed")

    def test_a_client_of_another_protocol(self):
        gateway = self.listener()
        with socket.create_connection(gateway.address()) as peer:
            peer.sendall(b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c")
            peer.settimeout(5)
            try:
                while peer.recv(100):
                    pass
            except ConnectionResetError:
                pass
        self.assert_handshake_failed(gateway, "not_tls")

    def shake(self, gateway, context):
        with socket.create_connection(gateway.address()) as peer:
            peer.settimeout(5)
            with self.assertRaises(OSError):
                with context.wrap_socket(peer, server_hostname="app.internal") as tls:
                    tls.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    while tls.recv(100):
                        pass
                    raise OSError("ended")

    def test_a_client_that_does_not_trust_us(self):
        gateway = self.listener()
        self.shake(gateway, ssl.create_default_context())
        self.assert_handshake_failed(gateway, "alert")

    def test_a_client_without_its_certificate(self):
        gateway = self.listener(client_auth={"mode": "required", "ca": self.authority.ca})
        self.shake(gateway, client_context(self.authority.ca))
        self.assert_handshake_failed(gateway, "certificate_missing")

    def test_a_client_with_another_certificate(self):
        other = Authority("other")
        self.addCleanup(other.close)
        gateway = self.listener(client_auth={"mode": "required", "ca": self.authority.ca})
        self.shake(gateway, client_context(
            self.authority.ca, cert=other.issue("client", ["client"], use="clientAuth")))
        self.assert_handshake_failed(gateway, "certificate_refused")
        self.assertIn("issued by CN=Weir test other",
                      gateway.wait_log("its issuer", lines_with("handshake failed"))[0])

    def test_no_version_in_common(self):
        gateway = self.listener(min_version="1.3")
        self.shake(gateway, client_context(self.authority.ca, version=ssl.TLSVersion.TLSv1_2))
        self.assert_handshake_failed(gateway, "version")


class ClientTest(DiagnosticsCase):
    @rows([
        ("missing", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PROXY header: missing", ["127.0.0.1/32"]),
        ("wrong", b"PROXY TCP4 1.2.3.4 x 1 2\r\n", "malformed address or port", ["127.0.0.1/32"]),
        ("untrusted", b"", "the peer is not in trusted_proxies", ["10.0.0.0/8"]),
        ("cut", b"PROXY TCP4", "closed before a whole PROXY header", ["127.0.0.1/32"]),
    ])
    def test_proxy_header(self, sent, why, trusted):
        origin = self.origin()
        gateway = self.gateway(basic_config(
            upstreams={"app": origin.address}, listener={"proxy_protocol": "required"},
            trusted_proxies=trusted))
        with socket.create_connection(gateway.address()) as peer:
            port = peer.getsockname()[1]
            peer.settimeout(5)
            try:
                peer.sendall(sent)
                peer.shutdown(socket.SHUT_WR)
                self.assertEqual(peer.recv(100), b"")
            except OSError:
                pass  # it was quicker, and bytes were left unread
        line = self.line(gateway, "connection refused")
        self.assertIn("listener=http reason=proxy_protocol", line)
        self.assertIn(why, line)
        self.assertIn(f"peer=127.0.0.1:{port}", line)

    def test_max_connections(self):
        origin = self.origin()
        gateway = self.gateway(basic_config(upstreams={"app": origin.address},
                                            limits={"connections_per_client": 1}))
        first = self.client(gateway)
        first.request("GET", "/")
        self.assertEqual(first.read_response().status, 200)
        second = self.client(gateway)
        second.expect_closed()
        self.assertIn("reason=connections_per_client", self.line(gateway, "connection refused"))

    def test_token(self):
        origin = self.origin()
        gateway = self.gateway(basic_config(
            [{"name": "api", "match": {}, "middleware": ["login"], "upstream": "app"}],
            {"app": origin.address}, access_log={"path": "access.log"},
            middleware=guarded([issuer({"secret": SECRET}, ["HS256"])])))
        token = hs256(secret="another secret of thirty-two bytes!")
        for _ in range(3):
            problem = self.assert_problem(self.fetch(gateway, headers=bearer(token)),
                                          "token_invalid")
        self.assertEqual(self.entries(gateway, 3)[0]["detail"], problem["detail"])
        line = self.line(gateway, "token refused")
        self.assertIn("policy=login reason=token_invalid", line)
        self.assertIn(problem["detail"], line)
        self.assertIn("client=127.0.0.1", line)
        for part in token.split("."):
            self.assertNotIn(part, "\n".join(gateway.lines))

    def test_key_set(self):
        dead = Refusing()
        self.addCleanup(dead.close)
        origin = self.origin()
        gateway = self.gateway(basic_config(
            [{"name": "api", "match": {}, "middleware": ["login"], "upstream": "app"}],
            {"app": origin.address},
            middleware=guarded([issuer({"jwks_url": f"http://{dead.address}/keys"}, ["ES256"])])))
        self.assertIn(f"url=http://{dead.address}/keys error=",
                      self.line(gateway, "keys not fetched"))


class WhoTest(DiagnosticsCase):
    """Fields of the access log that say who and how."""

    def serve(self, middleware, files=None, named=None, **config):
        origin = self.origin()
        return self.gateway(basic_config(
            [{"name": "api", "match": {}, "middleware": middleware, "upstream": "app"}],
            {"app": origin.address}, access_log={"path": "access.log"},
            **({"middleware": named} if named else {}), **config), files=files)

    def test_users(self):
        gateway = self.serve(["login"], named=guarded([issuer({"secret": SECRET}, ["HS256"])]))
        for _ in range(2):  # verified, then remembered
            self.assertEqual(self.fetch(gateway, headers=bearer(hs256())).status, 200)
        self.assertEqual(self.fetch(gateway).status, 401)
        self.assertEqual([entry.get("user") for entry in self.entries(gateway, 3)],
                         ["u1", "u1", None])

        gateway = self.serve([{"api_key": {"keys_file": "keys"}}], files={"keys": "acme:key-1\n"})
        self.assertEqual(self.fetch(gateway, headers=[("X-API-Key", "key-1")]).status, 200)
        self.assertEqual(self.entries(gateway, 1)[0]["user"], "acme")

        gateway = self.serve([{"basic_auth": {"users_file": "users"}}],
                             files={"users": f"ann:{SHA512_OF_PW}\n"})
        credentials = base64.b64encode(b"ann:pw").decode()
        self.assertEqual(self.fetch(gateway, headers=[
            ("Authorization", f"Basic {credentials}")]).status, 200)
        self.assertEqual(self.entries(gateway, 1)[0]["user"], "ann")

    @rows([
        ("an address", "client_ip", [], "127.0.0.1"),
        ("a field", {"header": "x-tenant"}, [("X-Tenant", "acme")], "acme"),
        ("a field that is missing", {"header": "x-tenant"}, [], "127.0.0.1"),
        ("a secret", {"header": "x-api-key"}, [("X-Api-Key", "abc")], "sha256:ba7816bf8f01cfea"),
        ("two", [{"header": "x-tenant"}, "client_ip"], [("X-Tenant", "acme")], "acme,127.0.0.1"),
    ])
    def test_limit_key(self, key, headers, told):
        gateway = self.serve([{"rate_limit": {"rate": "1/h", "key": key}}])
        self.assertEqual(self.fetch(gateway, headers=headers).status, 200)
        self.assertEqual(self.fetch(gateway, headers=headers).status, 429)
        passed, refused = self.entries(gateway, 2)
        self.assertNotIn("limit_key", passed)
        self.assertEqual(refused["limit_key"], told)

    def test_limit_key_of_a_concurrency_limit(self):
        gate = threading.Event()
        self.addCleanup(gate.set)

        def handler(connection, _):
            gate.wait(20)
            connection.reply(200)
        origin = self.origin(handler)
        gateway = self.gateway(basic_config(
            [{"name": "api", "match": {}, "upstream": "app", "middleware": [
                {"concurrency_limit": {"limit": 1, "key": "client_ip"}}]}],
            {"app": origin.address}, access_log={"path": "access.log"}))
        first = self.client(gateway)
        first.request("GET", "/")
        origin.wait("the first", lambda: len(origin.heads) == 1)
        self.assertEqual(self.fetch(gateway).status, 429)
        self.assertEqual(self.entries(gateway, 1)[0]["limit_key"], "127.0.0.1")


class GrpcTest(DiagnosticsCase):
    @staticmethod
    def serve(request):
        fields = [("content-type", "application/grpc")]
        path = dict(request.headers)[":path"]
        request.read_body()
        if path == "/unavailable":
            request.head(200, fields)
            request.content(b"\0\0\0\0\x02hi")
            request.trail([("grpc-status", "14")])
        elif path == "/empty":
            request.head(200, fields)
            request.trail([("grpc-status", "14")])
        elif path == "/alone":
            request.head(200, [*fields, ("grpc-status", "14")], end=True)
        elif path == "/odd":
            request.head(200, fields)
            request.trail([("grpc-status", "99")])
        elif path == "/none":
            request.head(200, fields, end=True)
        else:
            request.head(200, fields)
            request.trail([("grpc-status", "0")])

    def start(self, breaker=None):
        origin = H2Origin(self.serve)
        self.addCleanup(origin.close)
        upstream = {"endpoints": [{"address": origin.address}], "protocol": "h2"}
        if breaker:
            upstream["circuit_breaker"] = breaker
        gateway = self.gateway(basic_config(
            [{"name": "calls", "match": {"path_prefix": "/"}, "upstream": "app"}], {"app": upstream},
            listener={"protocols": ["h2c"]}, access_log={"path": "access.log"}))
        client = H2Client(gateway.address())
        self.addCleanup(client.close)
        return gateway, client

    def call(self, client, path):
        return client.fetch("POST", path, [("content-type", "application/grpc"),
                                           ("te", "trailers")], b"\0\0\0\0\x02hi")

    def test_status_in_log_and_metric(self):
        gateway, client = self.start()
        paths = ["/fine", "/unavailable", "/empty", "/alone", "/odd", "/none", "/fine"]
        for path in paths:
            self.assertEqual(self.call(client, path).status, 200, path)
        self.assertEqual(client.fetch("GET", "/fine").status, 200)  # no call
        entries = self.entries(gateway, len(paths) + 1)
        self.assertEqual([entry.get("grpc_status") for entry in entries],
                         [0, 14, 14, 14, None, None, 0, None])
        for status, count in {"0": 2, "14": 3, "other": 1, "none": 1}.items():
            gateway.wait_metric(count, "weir_grpc_requests_total", route="calls",
                                grpc_status=status)

    @rows([("behind content", "/unavailable"), ("trailers", "/empty"), ("trailers only", "/alone")])
    def test_codes_open_the_breaker(self, path):
        gateway, client = self.start({"failures": ["connect", "grpc_unavailable"],
                                      "minimum_calls": 3, "open_for": "60s"})
        for _ in range(3):
            self.assertEqual(self.call(client, path).status, 200)
        gateway.wait_metric(2, "weir_circuit_breaker_state", upstream="app")
        answer = self.call(client, "/fine")
        self.assertEqual(answer.header("grpc-status"), "14")
        entry = self.entries(gateway, 4)[-1]
        self.assertEqual((entry["reason"], entry["grpc_status"]), ("circuit_open", 14))
        self.assertEqual(entry["detail"], "the circuit breaker of the upstream is open")

    def test_other_codes_do_not(self):
        gateway, client = self.start({"failures": ["grpc_internal"], "minimum_calls": 3})
        for path in ("/unavailable", "/empty", "/alone", "/none", "/odd"):
            self.call(client, path)
        upstream = gateway.admin("GET", "/upstreams").json()
        self.assertIn('"failed": 0', json.dumps(upstream))

    def test_probes_are_judged_by_their_trailers(self):
        gateway, client = self.start({"failures": ["grpc_unavailable"], "minimum_calls": 2,
                                      "open_for": "100ms", "half_open_calls": 1})
        for _ in range(2):
            self.call(client, "/unavailable")
        gateway.wait_metric(2, "weir_circuit_breaker_state", upstream="app")
        gateway.wait_metric(1, "weir_circuit_breaker_state", upstream="app")
        self.call(client, "/unavailable")
        gateway.wait_metric(2, "weir_circuit_breaker_transitions_total", upstream="app", to="open")
        gateway.wait_metric(1, "weir_circuit_breaker_state", upstream="app")
        self.call(client, "/fine")
        gateway.wait_metric(0, "weir_circuit_breaker_state", upstream="app")


class MetricsTest(DiagnosticsCase):
    def test_mirrored_requests(self):
        main, shadow = self.origin(), self.origin()
        gateway = self.gateway(basic_config(
            [{"name": "m", "match": {}, "upstream": "main",
              "mirror": {"upstream": "shadow", "sample": "100%"}}],
            {"main": main.address, "shadow": shadow.address}))
        labels = {"route": "m", "upstream": "shadow"}
        for _ in range(3):
            self.assertEqual(self.fetch(gateway).status, 200)
        gateway.wait_metric(3, "weir_mirror_requests_total", **labels, result="sent")
        gateway.wait_metric(0, "weir_mirror_requests_total", **labels, result="dropped")
        for body in (b"x" * 70_000, b"y" * 10):
            self.assertEqual(self.fetch(gateway, method="POST", body=body).status, 200)
        gateway.wait_metric(4, "weir_mirror_requests_total", **labels, result="sent")
        gateway.wait_metric(1, "weir_mirror_requests_total", **labels, result="dropped")

    def test_gauges_of_what_a_reload_removes_leave_at_once(self):
        kept, gone = self.origin(), Refusing()
        self.addCleanup(gone.close)
        idle = self.origin()

        def config(with_gone):
            routes = [{"name": "kept", "match": {"path_prefix": "/kept"}, "upstream": "kept"}]
            upstreams = {"kept": kept.address}
            if with_gone:
                routes += [
                    {"name": "gone", "match": {"path_prefix": "/gone"}, "upstream": "gone"},
                    {"name": "idle", "match": {"path_prefix": "/idle"}, "upstream": "idle"}]
                upstreams["gone"] = {"endpoints": [{"address": gone.address}],
                                     "circuit_breaker": {"minimum_calls": 1}}
                upstreams["idle"] = idle.address
            return basic_config(routes, upstreams)

        gateway = self.gateway(config(True))
        self.assertEqual(self.fetch(gateway, "/gone").status, 502)
        self.assertEqual(self.fetch(gateway, "/idle").status, 200)
        gateway.wait_metric(2, "weir_circuit_breaker_state", upstream="gone")
        gateway.wait_metric(1, "weir_upstream_connections", upstream="idle", state="idle")
        gateway.reload_by_post(config(False))
        metrics = gateway.metrics()
        left = [(name, labels) for name, labels, _ in metrics.samples
                if {labels.get("upstream"), labels.get("route")} & {"gone", "idle"}
                and metrics.types.get(name) == "gauge"]
        self.assertEqual(left, [])
        self.assertEqual(metrics.value("weir_http_requests_total", route="idle"), 1)
        gateway.reload_by_post(config(True))
        gateway.wait_metric(1, "weir_upstream_endpoint_healthy", upstream="idle")

    def test_names_without_an_address(self):
        origin = self.origin()
        gateway = self.gateway(basic_config(upstreams={
            "app": [origin.address, "no-such-name.invalid:80"], "other": origin.address}))
        gateway.wait_metric(1, "weir_upstream_unresolved", upstream="app")
        gateway.wait_metric(0, "weir_upstream_unresolved", upstream="other")

    def test_keys_were_fetched(self):
        keys = self.origin(lambda connection, _: connection.reply(
            200, [("Content-Type", "application/json")],
            jwks(Key("ES256", "k")).encode()))
        dead = Refusing()
        self.addCleanup(dead.close)
        before = time.time() - 1
        gateway = self.gateway(basic_config(
            [{"name": "api", "match": {}, "middleware": ["login"], "upstream": "app"}],
            {"app": keys.address}, middleware=guarded([
                {**issuer({"jwks_url": f"http://{keys.address}/keys"}, ["ES256"]), "issuer": "good"},
                {**issuer({"jwks_url": f"http://{dead.address}/keys"}, ["ES256"]),
                 "issuer": "dead"}])))
        name = "weir_jwt_keys_last_success_timestamp_seconds"
        told = wait_until("the keys", lambda: gateway.metrics().value(
            name, policy="login", issuer="good"))
        self.assertTrue(before < told < time.time() + 1, told)
        gateway.wait_metric(0, name, policy="login", issuer="dead")


if __name__ == "__main__":
    unittest.main()
