#!/usr/bin/env python3
"""Shows what reloads cost: requests that fail while each reload brings a new upstream by name, with
`localhost` and with a name server that takes a second (as root).
Usage: reload_names.py WEIR_BINARY [REQUESTS]"""

import pathlib
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "integration"))
from gateway import Gateway  # noqa: E402
from harness.dns import NameServer  # noqa: E402


def config(routes, upstreams=None):
    out = {"version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
           "admin": {"bind": "127.0.0.1:0"},
           "listeners": [{"name": "http", "bind": "127.0.0.1:0"}], "routes": routes}
    return {**out, "upstreams": upstreams} if upstreams else out


def to(name, address):
    return config([{"name": "all", "match": {"path_prefix": "/"}, "upstream": name}],
                  {name: {"endpoints": [{"address": address}]}})


def lost(binary, requests, address, wrapper=()):
    """h2load sends requests while each reload sends them to another upstream, `address(n)`."""
    origin = Gateway(binary, config([{"name": "r", "match": {"path_prefix": "/"},
                                      "respond": {"status": 200, "body": "here"}}]))
    port = origin.ports["http"]
    gateway = Gateway(binary, to("u0", f"127.0.0.1:{port}"), wrapper=wrapper)
    load = subprocess.Popen(["h2load", "--h1", "-n", str(requests), "-c", "16",
                             f"http://127.0.0.1:{gateway.ports['http']}/"],
                            stdout=subprocess.PIPE, text=True)
    reloads = 0
    while load.poll() is None:
        reloads += 1
        gateway.write(to(f"u{reloads}", f"{address(reloads)}:{port}"))
        gateway.admin("POST", "/reload")
        time.sleep(0.1)
    line = re.search(r"status codes: .*", load.communicate()[0])[0]
    gateway.close()
    origin.close()
    return f"{reloads} reloads, {line}"


def main():
    binary = sys.argv[1]
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 50_000
    print("localhost:", lost(binary, requests, lambda n: "localhost"), flush=True)
    try:
        names = NameServer({f"n{i}.test": ["127.0.0.1"] for i in range(1000)}, slow={"test": 1})
        print("a slow name server:",
              lost(binary, requests, lambda n: f"n{n}.test", names.wrapper), flush=True)
        names.close()
    except unittest.SkipTest as reason:
        print("a slow name server:", reason)


if __name__ == "__main__":
    main()
