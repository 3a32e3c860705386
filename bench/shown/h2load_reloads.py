#!/usr/bin/env python3
"""Shows that a reload costs no request: h2load sends HTTP/2 requests over TLS to an HTTP/2 upstream
(nghttpd) while the configuration changes and is reloaded twenty times, spread over the run.
Usage: h2load_reloads.py WEIR_BINARY [REQUESTS]"""

import subprocess
import sys
import time

from gateway import Gateway, free_port

RELOADS = 20


def config(upstream, generation):
    return {"version": 1, "server": {"workers": 1}, "access_log": {"path": "off"},
            "admin": {"bind": "127.0.0.1:0"},
            "listeners": [{"name": "https", "bind": "127.0.0.1:0",
                           "tls": {"certificates": [{"cert": "tls.crt", "key": "tls.key"}]}}],
            "routes": [{"name": "all", "match": {"path_prefix": "/"}, "upstream": "main",
                        "response_headers": {"set": {"x-generation": str(generation)}}}],
            "upstreams": {"main": {"endpoints": [{"address": f"127.0.0.1:{upstream}"}],
                                   "protocol": "h2"}}}


def main():
    requests = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    port = free_port()
    gateway = Gateway(sys.argv[1], config(port, 0))
    (gateway.folder / "small").write_text("x" * 66)
    origin = subprocess.Popen(["nghttpd", "--no-tls", "-d", str(gateway.folder), "-a", "127.0.0.1",
                               str(port)], stdout=subprocess.DEVNULL)
    load = subprocess.Popen(["h2load", "-n", str(requests), "-c", "16", "-m", "20",
                             f"https://127.0.0.1:{gateway.ports['https']}/small"],
                            stdout=subprocess.PIPE, text=True)
    for generation in range(1, RELOADS + 1):
        while gateway.metric("weir_http_requests_total") < requests * generation / (RELOADS + 1):
            if load.poll() is not None:
                break
            time.sleep(0.2)
        gateway.write(config(port, generation))
        print(f"reload {generation}: {gateway.admin('POST', '/reload')[0]} after "
              f"{gateway.metric('weir_http_requests_total'):.0f} requests", flush=True)
    out = load.communicate()[0]
    print("".join(line + "\n" for line in out.splitlines()
                  if line.startswith(("finished", "requests", "status codes", "traffic"))), end="")
    print(f"generation {gateway.metric('weir_config_generation'):.0f}, "
          f"requests counted {gateway.metric('weir_http_requests_total'):.0f}, "
          f"rejected {gateway.metric('weir_http_rejected_total'):.0f}")
    origin.terminate()
    origin.wait()
    code = gateway.close()
    sys.exit(code or load.returncode or f"{requests} succeeded, 0 failed, 0 errored" not in out)


if __name__ == "__main__":
    main()
