"""The TestCase of this suite: rows that become tests of their own, gateways and origins that end
with the test, and the assertions that every answer of Weir has in common."""

import json
import re
import sys
import unittest

from .client import Client
from .gateway import Gateway
from .origin import Origin

# Reason -> (status, registered Proxy-Status type): interface.md section 3.
REASONS = {
    "bad_request": (400, "http_request_error"),
    "credentials_missing": (401, "http_request_denied"),
    "credentials_invalid": (401, "http_request_denied"),
    "token_missing": (401, "http_request_denied"),
    "token_invalid": (401, "http_request_denied"),
    "token_expired": (401, "http_request_denied"),
    "insufficient_scope": (403, "http_request_denied"),
    "claim_mismatch": (403, "http_request_denied"),
    "ip_denied": (403, "http_request_denied"),
    "no_route": (404, "http_request_error"),
    "method_not_allowed": (405, "http_request_error"),
    "client_timeout": (408, "http_request_error"),
    "body_too_large": (413, "http_request_error"),
    "uri_too_long": (414, "http_request_error"),
    "expectation_failed": (417, "http_request_error"),
    "misdirected": (421, "http_request_error"),
    "headers_too_large": (431, "http_request_error"),
    "rate_limited": (429, "http_request_denied"),
    "concurrency_limited": (429, "http_request_denied"),
    "not_implemented": (501, "http_request_error"),
    "version_not_supported": (505, "http_request_error"),
    "connect_failed": (502, "connection_refused"),
    "upstream_reset": (502, "connection_terminated"),
    "upstream_bad_response": (502, "http_protocol_error"),
    "upstream_headers_too_large": (502, "http_response_header_section_size"),
    "proxy_loop": (502, "proxy_loop_detected"),
    "no_healthy_endpoint": (503, "destination_unavailable"),
    "circuit_open": (503, "destination_unavailable"),
    "pool_full": (503, "connection_limit_reached"),
    "overloaded": (503, "proxy_internal_response"),
    "auth_unavailable": (503, "destination_unavailable"),
    "keys_unavailable": (503, "destination_unavailable"),
    "draining": (503, "proxy_internal_response"),
    "connect_timeout": (504, "connection_timeout"),
    "request_timeout": (504, "http_response_timeout"),
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")


def rows(table):
    """Makes one test of each row: `(name, arguments...)`. The name appears in the verbose output."""
    def mark(method):
        method.table = table
        return method
    return mark


def _row_test(method, arguments):
    def test(self):
        method(self, *arguments)
    test.__doc__ = None
    return test


class Case(unittest.TestCase):
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            table = getattr(method, "table", None)
            if table is None:
                continue
            delattr(cls, name)
            for row_name, *arguments in table:
                full = f"{name}__{re.sub(r'[^0-9a-zA-Z]+', '_', row_name)}"
                if full in vars(cls):
                    raise ValueError(f"two rows are called {full}")
                setattr(cls, full, _row_test(method, arguments))

    @classmethod
    def shared_origin(cls, handler=None, **kwargs):
        """An origin for all tests of the class; call it in setUpClass."""
        origin = Origin(handler, **kwargs)
        cls.addClassCleanup(origin.close)
        return origin

    @classmethod
    def shared_gateway(cls, config, **kwargs):
        gateway = Gateway(config, **kwargs)
        cls.addClassCleanup(gateway.close)
        gateway.start()
        cls._gateways = [*getattr(cls, "_gateways", []), gateway]
        return gateway

    def origin(self, handler=None, **kwargs):
        origin = Origin(handler, **kwargs)
        self.addCleanup(origin.close)
        return origin

    def gateway(self, config, **kwargs):
        gateway = Gateway(config, **kwargs)
        self.addCleanup(gateway.close)
        self._own_gateways.append(gateway)
        return gateway.start()

    def client(self, gateway, listener="http", **kwargs) -> Client:
        client = Client(gateway.address(listener), **kwargs)
        self.addCleanup(client.close)
        return client

    def fetch(self, gateway, target="/", method="GET", headers=(), body=None, listener="http"):
        """One request on a connection of its own."""
        client = self.client(gateway, listener)
        client.request(method, target, headers, body)
        response = client.read_response(method)
        client.close()
        return response

    def run(self, result=None):
        self._own_gateways = []
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            for gateway in [*self._own_gateways, *getattr(type(self), "_gateways", [])]:
                sys.stderr.write(gateway.story(self.id()))
        return result

    # What every answer of Weir's own has: section 3.
    def assert_problem(self, response, reason, detail=None, head=False):
        status, error = REASONS[reason]
        self.assertEqual(response.status, status, response)
        self.assertEqual(response.header("content-type"), "application/problem+json", response)
        self.assertIsNotNone(response.header("date"), response)
        self.assertEqual(response.header("server"), "weir", response)
        self.assertEqual(response.header("proxy-status"),
                         f'weir; error={error}; details="{reason}"', response)
        self.assertNotIn("next-hop", response.header("proxy-status"))
        request_id = response.header("x-request-id")
        self.assertRegex(request_id or "", UUID)
        if status == 503:
            self.assertRegex(response.header("retry-after") or "", r"^[1-9][0-9]*$")
        if head:
            self.assertEqual(response.body, b"")
            return None
        problem = json.loads(response.body)
        self.assertEqual(set(problem) | {"detail"}, {"type", "title", "status", "reason", "detail",
                                                     "request_id"}, problem)
        if status in (502, 503, 504):  # a sentence that names nothing behind Weir
            self.assertRegex(problem["detail"], r"^\w.* .*\w$")
            self.assertNotRegex(problem["detail"], r"127\.0\.0\.1|:\d")
        self.assertEqual(problem["type"], "about:blank")
        self.assertEqual(problem["status"], status)
        self.assertEqual(problem["title"], response.phrase)
        self.assertEqual(problem["reason"], reason)
        self.assertEqual(problem["request_id"], request_id)
        if detail is not None:
            self.assertIn(detail, problem["detail"])
        return problem

    def assert_closing(self, client, response):
        self.assertEqual((response.header("connection") or "").lower(), "close", response)
        client.expect_closed()
