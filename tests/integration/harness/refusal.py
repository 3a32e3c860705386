"""What every refused request has in common: the status, the reason, a closed connection, and an
origin that never saw it."""

from .case import REASONS, Case
from .client import Truncated
from .gateway import basic_config


class RefusalCase(Case):
    """One gateway and one origin for all rows of a class."""

    routes = None
    limits = None

    @classmethod
    def setUpClass(cls):
        cls.upstream = cls.shared_origin()
        cls.gateway_process = cls.shared_gateway(
            basic_config(cls.routes, {"main": cls.upstream.address}, limits=cls.limits))

    def setUp(self):
        self.upstream.clear()
        self.peer = self.client(self.gateway_process)

    def assert_refused(self, raw, reason="bad_request", detail=None, closes=True):
        """`raw` gets an answer with one of the reasons, the connection ends in order, nothing of it
        was forwarded, and the gateway goes on serving."""
        reasons = (reason,) if isinstance(reason, str) else reason
        self.peer.send(raw)
        response = self.peer.read_response(
            "HEAD" if bytes(raw[:5].encode() if isinstance(raw, str) else raw[:5]) == b"HEAD "
            else "GET")
        status = {REASONS[r][0]: r for r in reasons}
        self.assertIn(response.status, status, response)
        self.assert_problem(response, status[response.status], detail)
        if closes:
            self.assert_closing(self.peer, response)
        self.assert_origin_saw_only_the_next()
        return response

    def assert_origin_saw_only_the_next(self):
        """A good request afterwards arrives, and it is all that did (a head whose body never ended
        is no request)."""
        self.assertEqual(self.fetch(self.gateway_process, "/after").status, 200)
        self.upstream.wait_for_request()
        self.assertEqual([r.target for r in self.upstream.requests], ["/after"])

    def forwarded(self, raw, method="GET"):
        """The answer to `raw` and the request as it reached the origin."""
        self.peer.send(raw)
        try:
            response = self.peer.read_response(method)
        except Truncated as end:
            self.fail(f"no answer: {end}")
        self.assertEqual(response.status, 200, response)
        return self.upstream.wait_for_request()
