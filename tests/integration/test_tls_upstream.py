"""TLS to upstreams: verified by default, by name and by authority; our own certificate; sessions
that are resumed; what goes wrong is a 502 with its reason; content that was cut is never whole."""

import json
import shutil
import socket
import ssl
import threading

from harness import Authority, Case, TlsOrigin, basic_config, rows, wait_until
from harness.h2_origin import H2Origin


class UpstreamTls(Case):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.cert = cls.authority.issue("local", ["app.internal", "localhost", "IP:127.0.0.1"])

    def tls_origin(self, handler=None, cert=None, **kwargs):
        origin = TlsOrigin(handler, cert=cert or self.cert, **kwargs)
        self.addCleanup(origin.close)
        return origin

    def gateway_to(self, origin, tls, address=None, **more):
        upstream = {"endpoints": [{"address": address or origin.address}],
                    "tls": {"ca": self.authority.ca, **tls}}
        upstream.update(more.pop("upstream", {}))
        return self.gateway(basic_config(upstreams={"app": upstream}, **more))

    def test_by_address(self):
        origin = self.tls_origin()
        gateway = self.gateway_to(origin, {})
        response = self.fetch(gateway, "/x", "POST", body=b"hello")
        self.assertEqual((response.status, response.body), (200, b"hello"))
        self.assertIsNone(origin.handshakes[0][0])  # an address is no SNI
        self.assertEqual(origin.wait_for_request().header("x-forwarded-proto"), "http")

    def test_by_the_endpoint_s_name(self):
        origin = self.tls_origin()
        gateway = self.gateway_to(origin, {}, f"localhost:{origin.port}")
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(origin.handshakes[0][0], "localhost")

    def test_by_server_name(self):
        origin = self.tls_origin()
        gateway = self.gateway_to(origin, {"server_name": "App.Internal"})
        self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(origin.handshakes[0][0], "app.internal")

    def assert_tls_failed(self, gateway, error="tls_certificate_error", tries=2):
        """`tries`: the only endpoint is tried once more, where nothing was sent."""
        response = self.fetch(gateway)
        self.assertEqual(response.status, 502)
        self.assertEqual(json.loads(response.body)["reason"], "upstream_tls_failed")
        self.assertIn(json.loads(response.body)["detail"], (
            "the upstream's certificate is not accepted",
            "the TLS handshake with the upstream failed"))
        self.assertEqual(response.header("proxy-status"),
                         f'weir; error={error}; details="upstream_tls_failed"')
        gateway.wait_metric(tries, "weir_upstream_requests_total", result="tls_failed")

    def test_another_name(self):
        origin = self.tls_origin()
        self.assert_tls_failed(self.gateway_to(origin, {"server_name": "other.internal"}))
        self.assertEqual(origin.heads, [])

    def test_an_unknown_authority(self):
        other = Authority("other")
        self.addCleanup(other.close)
        origin = self.tls_origin(cert=other.issue("local", ["IP:127.0.0.1"]))
        self.assert_tls_failed(self.gateway_to(origin, {}))
        self.assertEqual(origin.heads, [])

    def test_the_system_s_authorities_do_not_know_ours(self):
        origin = self.tls_origin()
        self.assert_tls_failed(self.gateway_to(origin, {"ca": None}))

    def test_expired(self):
        origin = self.tls_origin(cert=self.authority.issue("old", ["IP:127.0.0.1"], expired=True))
        self.assert_tls_failed(self.gateway_to(origin, {}))

    def test_not_verified_if_so_configured(self):
        origin = self.tls_origin(cert=self.authority.issue("old2", ["x"], expired=True))
        self.assertEqual(self.fetch(self.gateway_to(origin, {"verify": False})).status, 200)

    def test_no_tls_there(self):
        origin = self.origin(lambda connection, request: None)
        plain = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(plain.close)
        def answer():
            for _ in range(2):
                sock, _ = plain.accept()
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.close()
        threading.Thread(target=answer, daemon=True).start()
        gateway = self.gateway_to(origin, {}, "127.0.0.1:%d" % plain.getsockname()[1])
        self.assert_tls_failed(gateway, "tls_protocol_error")

    def test_silence_is_a_connect_timeout(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        gateway = self.gateway_to(None, {}, "127.0.0.1:%d" % silent.getsockname()[1],
                                  upstream={"connect_timeout": "300ms"})
        response = self.fetch(gateway)
        self.assertEqual(response.status, 504)
        self.assertEqual(json.loads(response.body)["reason"], "connect_timeout")

    def test_our_certificate(self):
        cert, key = self.authority.issue("weir", use="clientAuth")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority.ca)
        origin = self.tls_origin(context=context)
        gateway = self.gateway_to(origin, {"cert": cert, "key": key})
        self.assertEqual(self.fetch(gateway).status, 200)
        with open(cert, encoding="ascii") as file:
            self.assertEqual(origin.handshakes[0][2], ssl.PEM_cert_to_DER_cert(file.read()))

    @rows([("tls 1.2", ssl.TLSVersion.TLSv1_2), ("tls 1.3", ssl.TLSVersion.TLSv1_3)])
    def test_sessions_are_resumed(self, version):
        def handler(connection, request):
            connection.read_body(request)
            connection.reply(200, [("Connection", "close")], b"x")
            # An end without close_notify would make the session one that is not resumed.
            try:
                connection.socket.unwrap()
            except OSError:
                pass
            connection.close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        origin = self.tls_origin(handler, context=context)
        gateway = self.gateway_to(origin, {}, workers=1)
        for _ in range(3):
            self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual([reused for _, reused, _ in origin.handshakes], [False, True, True])

    def test_a_connection_is_reused(self):
        origin = self.tls_origin()
        gateway = self.gateway_to(origin, {}, workers=1)
        for _ in range(5):
            self.assertEqual(self.fetch(gateway).status, 200)
        self.assertEqual(len(origin.handshakes), 1)

    def test_large_bodies_both_ways(self):
        origin = self.tls_origin()
        gateway = self.gateway_to(origin, {})
        body = bytes(i * 7 % 251 for i in range(1000)) * 4000
        client = self.client(gateway, timeout=30)
        client.request("POST", "/", body=body)
        self.assertTrue(client.read_response("POST").body == body)

    @rows([("with close_notify", True), ("without", False)])
    def test_content_that_ends_with_its_connection(self, orderly):
        def handler(connection, request):
            connection.read_body(request)
            connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it")
            if orderly:
                try:
                    connection.socket.unwrap()
                except OSError:
                    pass
            connection.close()
        origin = self.tls_origin(handler)
        gateway = self.gateway_to(origin, {}, access_log={"path": "stdout"})
        client = self.client(gateway)
        client.request("GET", "/")
        if orderly:
            self.assertEqual(client.read_response().body, b"half of it")
        else:
            with self.assertRaises(AssertionError):
                client.read_response()
            gateway.wait_metric(1, "weir_http_rejected_total", reason="upstream_incomplete")

    def test_certificates_are_read_again(self):
        a = self.authority
        first, second = a.issue("c1", use="clientAuth"), a.issue("c2", use="clientAuth")
        cert, key = a.path("live.crt"), a.path("live.key")
        shutil.copy(first[0], cert)
        shutil.copy(first[1], key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(a.ca)
        origin = self.tls_origin(context=context)
        gateway = self.gateway_to(origin, {"cert": cert, "key": key})
        self.assertEqual(self.fetch(gateway).status, 200)
        shutil.copy(second[0], cert)
        shutil.copy(second[1], key)
        with open(second[0], encoding="ascii") as file:
            der = ssl.PEM_cert_to_DER_cert(file.read())

        def taken():
            self.assertEqual(self.fetch(gateway).status, 200)
            return any(given == der for _, _, given in origin.handshakes)
        wait_until("the new certificate", taken, timeout=20, interval=0.2)

    @rows([("http1", "http1"), ("h2", "h2")])
    def test_no_request_goes_over_a_connection_of_before_the_reload(self, protocol):
        done = threading.Event()
        self.addCleanup(done.set)
        if protocol == "h2":
            def handler(request):
                if request.header(":path") == "/held":
                    done.wait(60)
                request.reply()
            origin = H2Origin(handler)
            self.addCleanup(origin.close)
            held = origin.wait_requests
        else:
            def handler(connection, request):
                if request.target == "/held":
                    done.wait(60)
                connection.reply()
            origin = self.origin(handler)
            held = origin.wait_for_head
        upstream = {"endpoints": [{"address": origin.address}], "protocol": protocol}
        gateway = self.gateway(basic_config(upstreams={"app": upstream}, workers=1))
        peer = self.client(gateway)
        peer.request("GET", "/held")
        held(1)
        secured = {**upstream, "tls": {"ca": self.authority.ca}, "connect_timeout": "500ms"}
        self.assertEqual(gateway.reload_by_post(
            basic_config(upstreams={"app": secured}, workers=1)).status, 200)
        self.assertIn(self.fetch(gateway, "/during").status, (502, 504))
        done.set()
        self.assertEqual(peer.read_response().status, 200)
        self.assertIn(self.fetch(gateway, "/after").status, (502, 504))

    def test_another_protocol_after_a_reload(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["h2", "http/1.1"])
        origin = self.tls_origin(context=context)
        gateway = self.gateway_to(origin, {}, upstream={"protocol": "h2"})
        config = basic_config(upstreams={"app": {"endpoints": [{"address": origin.address}],
                                                 "tls": {"ca": self.authority.ca}}})
        self.assertEqual(gateway.reload_by_post(config).status, 200)
        self.assertEqual(self.fetch(gateway).status, 200)

    def test_those_who_wait_for_an_http1_upstream_under_auto_connect_at_once(self):
        everybody = threading.Barrier(20)

        class Patient(TlsOrigin):
            def wrap(self, sock):
                if len(self.connections) > 1:  # the first tells what it speaks
                    everybody.wait(10)
                return super().wrap(sock)
        origin = Patient(cert=self.cert)
        self.addCleanup(origin.close)
        gateway = self.gateway_to(origin, {}, workers=1,
                                  upstream={"protocol": "auto", "connect_timeout": "20s"})
        peers = [self.client(gateway, timeout=30) for _ in range(21)]
        for peer in peers:
            peer.request("GET", "/")
        self.assertEqual([peer.read_response().status for peer in peers], [200] * 21)

    def test_check_tells_what_is_wrong(self):
        gateway = basic_config(upstreams={"app": {"endpoints": [{"address": "127.0.0.1:9"}],
                                                  "tls": {"ca": "none.crt"}}})
        with self.assertRaisesRegex(AssertionError, r"upstreams\.app\.tls\.ca: 'none\.crt': cannot"):
            self.gateway(gateway)

    @rows([("tls 1.2 to http1", ssl.TLSVersion.TLSv1_2, "http1", 2),
           ("tls 1.3 to http1", ssl.TLSVersion.TLSv1_3, "http1", 1),
           ("tls 1.2 to h2", ssl.TLSVersion.TLSv1_2, "h2", 2),
           ("tls 1.3 to h2", ssl.TLSVersion.TLSv1_3, "h2", 2)])
    def test_an_upstream_that_wants_our_certificate(self, version, protocol, tries):
        """Under TLS 1.3 it says so behind our side of the handshake: over HTTP/1.1 the request may
        have been sent by then."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.authority.ca)
        context.set_alpn_protocols(["h2", "http/1.1"])
        origin = self.tls_origin(context=context)
        self.assert_tls_failed(self.gateway_to(origin, {}, upstream={"protocol": protocol}),
                               "tls_protocol_error", tries)
        self.assertEqual(origin.heads, [])
