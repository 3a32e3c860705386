"""gRPC through Weir, HTTP/2 on both sides, with grpc-js as client and server."""

import json

from harness import Case, basic_config, node

MESSAGES = 1000


class GrpcTest(Case):
    def setUp(self):
        node.need("@grpc/grpc-js")
        origin = node.NodeOrigin("grpc_origin.js")
        self.addCleanup(origin.close)
        self.entrance = self.gateway(basic_config(
            upstreams={"main": {"endpoints": [{"address": origin.address}], "protocol": "h2"}},
            listener={"protocols": ["h2c"]}))

    def test_every_kind_of_call(self):
        out = json.loads(node.run("grpc_client.js", f"127.0.0.1:{self.entrance.port()}", MESSAGES))
        self.assertEqual((out["unary"]["code"], out["unary"]["value"]), (0, "hello"))
        self.assertEqual(out["unary"]["trailers"]["x-trailer"], "behind")
        self.assertEqual((out["fail"]["code"], out["fail"]["details"]), (9, "not today"))
        self.assertEqual(out["missing"]["code"], 12)
        self.assertEqual(out["collect"], "1000000")
        self.assertEqual(out["spread"], 1000)
        self.assertEqual(out["talk"], MESSAGES)
        self.assertEqual(out["cancelled"], 1)
