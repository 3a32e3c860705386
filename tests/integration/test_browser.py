"""A page in headless Chromium: loaded over HTTP/2 and TLS, with what it asks for beside itself, and a
WebSocket, by HTTP/1.1 or by extended CONNECT, as the browser likes. The page reports what it saw."""

import base64
import hashlib
import json
import shutil
import subprocess
import tempfile
import unittest

from harness import Authority, Case, Origin, basic_config, wait_until

PAGE = b"""<!doctype html><title>page</title><img src="/image"><script type="module">
const report = {pieces: 0, echoed: ''};
for (let i = 0; i < 20; ++i) report.pieces += (await (await fetch(`/piece?${i}`)).text()).length;
const socket = new WebSocket(`wss://${location.host}/socket`);
socket.onopen = () => socket.send('hello');
socket.onmessage = async (event) => {
  report.echoed = event.data;
  socket.close();
  report.page = performance.getEntriesByType('navigation')[0].nextHopProtocol;
  report.rest = [...new Set(performance.getEntriesByType('resource')
      .map((entry) => entry.nextHopProtocol))];
  await fetch('/report', {method: 'POST', body: JSON.stringify(report)});
};
</script>"""


def find_browser():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                "google-chrome"))), None)


def echo_one_message(connection, request):
    key = request.header("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    connection.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
                    f"\r\nSec-WebSocket-Accept: {accept}\r\n\r\n")
    head = connection.read_exact(2)
    mask = connection.read_exact(4)
    text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(connection.read_exact(head[1] & 127)))
    connection.send(bytes([0x81, len(text)]) + text)
    connection.send(connection.read_exact(2)[:1] + b"\0")  # its close frame is answered
    connection.close()


class BrowserTest(Case):
    def test_a_page_and_a_websocket(self):
        browser = find_browser()
        if browser is None:
            raise unittest.SkipTest("chromium is not installed")

        def answer(connection, request):
            if request.target == "/socket":
                return echo_one_message(connection, request)
            body = connection.read_body(request)
            if request.target == "/":
                return connection.reply(200, [("Content-Type", "text/html")], PAGE)
            return connection.reply(200, [], body or b"x" * 10000)
        origin = Origin(answer)
        self.addCleanup(origin.close)
        authority = Authority()
        self.addCleanup(authority.close)
        cert = dict(zip(("cert", "key"), authority.issue("local", ["localhost", "IP:127.0.0.1"])))
        gateway = self.gateway(basic_config(
            [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
              "upgrades": ["websocket"]}],
            {"main": origin.address}, listener={"tls": {"certificates": [cert]}}))
        folder = tempfile.mkdtemp(prefix="weir-browser-")
        self.addCleanup(shutil.rmtree, folder, True)
        process = subprocess.Popen(
            [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--ignore-certificate-errors", "--no-first-run", "--disable-background-networking",
             f"--user-data-dir={folder}", f"https://127.0.0.1:{gateway.port()}/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
        try:
            wait_until("the page's report",
                       lambda: any(r.target == "/report" for r in origin.requests), 60)
        finally:
            process.kill()
            process.wait()
        report = json.loads(next(r.body for r in origin.requests if r.target == "/report"))
        self.assertEqual((report["pieces"], report["echoed"]), (200_000, "hello"))
        self.assertEqual((report["page"], report["rest"]), ("h2", ["h2"]))
        self.assertGreaterEqual(gateway.metrics().value("weir_http_requests_total", route="all",
                                                        method="GET", status="200"), 22)
