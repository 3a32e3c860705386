"""The debug log: the steps of a connection and of a try can be read, with ids, and nothing of them
without being asked for."""

import re

from harness import Case, Refusing, basic_config, rows
from harness.h2 import CANCEL, H2Client

STEP = r"(?:trace|debug) (?:[\w ]+?) component="


class DebugLogTest(Case):
    def serve(self, level="debug", upstreams=None, routes=None, **more):
        self.upstream = self.origin()
        self.weir = self.gateway(basic_config(
            routes, upstreams or {"app": self.upstream.address}, workers=1,
            log={"level": level}, trusted_proxies=["127.0.0.1"], **more))

    def step(self, message, **fields):
        """The first line with that message and these fields, as what it says by key."""
        def find(lines):
            for line in lines:
                if f" {message} component=" not in line:
                    continue
                said = {key: quoted or plain for key, quoted, plain in
                        re.findall(r'(\w+)=(?:"([^"]*)"|(\S*))', line)}
                if all(said.get(key) == value for key, value in fields.items()):
                    return said
            return None
        return self.weir.wait_log(f"{message} {fields}", find)

    def test_a_failed_connect(self):
        dead = Refusing()
        self.addCleanup(dead.close)
        self.serve(upstreams={"app": dead.address})
        self.assertEqual(self.fetch(self.weir).status, 502)
        said = self.step("connect failed", component="upstream")
        self.assertEqual((said["upstream"], said["endpoint"], said["reason"], said["error"]),
                         ("app", dead.address, "connect_failed", "ECONNREFUSED"))
        self.step("refused", component="client", reason="connect_failed")

    def test_a_connection_from_its_connect_to_its_end(self):
        self.serve()
        first = self.fetch(self.weir, headers=[("X-Request-Id", "first")])
        self.assertEqual(first.status, 200)
        self.assertEqual(self.fetch(self.weir, headers=[("X-Request-Id", "second")]).status, 200)
        connection = self.step("connected", upstream="app")["connection"]
        chosen = self.step("endpoint chosen", connection=connection, reused="false")
        self.assertEqual((chosen["request_id"], chosen["endpoint"]), ("first", self.upstream.address))
        chosen = self.step("endpoint chosen", connection=connection, reused="true")
        self.assertEqual(chosen["request_id"], "second")
        self.upstream.connections[0].close()
        self.assertEqual(self.step("connection retired", connection=connection)["why"],
                         "the upstream closed it")

    def test_a_client(self):
        self.serve(routes=[{"name": "a", "match": {"path": "/a"}, "upstream": "app"}])
        peer = self.client(self.weir)
        peer.request("GET", "/none", [("X-Request-Id", "lost")])
        self.assertEqual(peer.read_response().status, 404)
        peer.close()
        connection = self.step("accepted", listener="http")["connection"]
        self.step("refused", connection=connection, request_id="lost", reason="no_route")
        self.step("closed", connection=connection)

    def test_a_client_that_leaves(self):
        self.serve()
        self.upstream.handler = lambda connection, request: connection.read_some()
        peer = self.client(self.weir)
        peer.request("GET", "/", [("X-Request-Id", "gone")])
        self.upstream.wait_for_head()
        peer.close()
        self.step("request cancelled", request_id="gone", why="client_closed")

    @rows([("the client", True), ("weir", False)])
    def test_a_reset(self, by_client):
        self.serve(listener={"protocols": ["h2c"]})
        self.upstream.handler = lambda connection, request: connection.read_some()
        client = H2Client(self.weir.address())
        self.addCleanup(client.close)
        if by_client:
            stream = client.request()
            self.upstream.wait_for_head()
            client.reset(stream, CANCEL)
            said = self.step("stream reset", by="client")
            self.assertEqual(said["code"], "CANCEL")
        else:
            stream = client.request_raw([(":method", "GET"), (":path", "/"), (":path", "/b"),
                                         (":scheme", "http"), (":authority", "a")])
            said = self.step("stream reset", by="weir")
            self.assertEqual(said["code"], "PROTOCOL_ERROR")
        self.assertEqual(said["stream"], str(stream))
        self.assertEqual(said["connection"], self.step("accepted")["connection"])

    def test_nothing_of_it_at_info(self):
        self.serve(level="info")
        self.assertEqual(self.fetch(self.weir).status, 200)
        self.weir.terminate()
        self.assertEqual([line for line in self.weir.lines if re.search(STEP, line)], [])
