"""The conformance cases of HTTP/2 once more over TLS, where ALPN has chosen it and each frame may come
in a record of its own."""

import test_h2_conformance as conformance
import test_h2_streams as streams
from harness import Authority, client_context
from harness.h2 import PREFACE, H2Client


class OverTls:
    @classmethod
    def listener(cls):
        authority = Authority()
        cls.addClassCleanup(authority.close)
        cert, key = authority.issue("local", ["a.test"])
        return {"tls": {"certificates": [{"cert": cert, "key": key}]}}

    def connect(self, start=True, window=None, settings=()):
        client = H2Client(self.weir.address(), timeout=30, start=False, window=window)
        self.addCleanup(client.close)
        client.socket = client_context(alpn=["h2"]).wrap_socket(
            client.socket, server_hostname="a.test", suppress_ragged_eofs=True)
        self.assertEqual(client.socket.selected_alpn_protocol(), "h2")
        if start:
            client.send(PREFACE + client.settings(
                [*settings, *([] if window is None else [(4, window)])]))
        return client


class Conformance(OverTls, conformance.Conformance):
    pass


class Taken(OverTls, streams.Taken):
    pass


class Errors(OverTls, streams.Errors):
    pass


class Windows(OverTls, streams.Windows):
    pass


class Concurrency(OverTls, streams.Concurrency):
    pass
