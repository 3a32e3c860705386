"""What the shown runs put in front of their origins, Weir, nginx and HAProxy with the settings that a scene
asks for, and how they tell their figures."""

import asyncio
import json
import pathlib
import resource
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "load"))

import plot  # noqa: E402
from proxies import Server, free_port  # noqa: E402


class NotStarted(Exception):
    """A program did not come to listen; the text is what it said."""


# --- name -> a Server in front of `ports`, with one thread on `cpu` or two anywhere

def weir(binary, workspace, ports, upstream, route, cpu=None, admin="off"):
    """One route to one upstream, with these settings; `upstream` may name other endpoints than `ports`."""
    return weir_with(binary, workspace,
                     {"origins": {"endpoints": [{"address": f"127.0.0.1:{each}"} for each in ports], **upstream}},
                     [{"name": "all", "match": {}, "upstream": "origins", **route}], cpu=cpu, admin=admin)


def weir_with(binary, workspace, upstreams, routes, server=None, cpu=None, admin="off"):
    port = free_port()
    config = {"version": 1, "access_log": {"path": "off"}, "admin": {"bind": admin},
              "listeners": [{"name": "http", "bind": f"127.0.0.1:{port}"}],
              "routes": routes, "upstreams": upstreams}
    if server or cpu is not None:
        config["server"] = {**({} if cpu is None else {"workers": 1}), **(server or {})}
    path = workspace.path / f"weir{port}.yaml"
    path.write_text(json.dumps(config))
    return Server("weir", port, [str(binary), "run", "-c", str(path)], cpu, workspace.path / f"weir{port}.out")


def nginx(workspace, ports, policy="", location="", server="", http="", cpu=None):
    """`server`: options of each server of the upstream; `http`: directives of the outermost block."""
    port = free_port()
    path = workspace.path / f"nginx{port}.conf"
    user = "user root;" if pathlib.Path("/proc/self").stat().st_uid == 0 else ""
    folders = "".join(f"{kind}_temp_path {workspace.path}/{kind};" for kind in
                      ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    servers = " ".join(f"server 127.0.0.1:{each} {server};" for each in ports)
    path.write_text(f"""{user} worker_processes {_threads(cpu)}; daemon off; pid {workspace.path}/nginx{port}.pid;
error_log /dev/null crit; events {{ worker_connections 16384; }}
http {{ access_log off; {folders} {http}
  upstream origins {{ {policy} {servers} keepalive 128; }}
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ proxy_pass http://origins; proxy_http_version 1.1;
    proxy_set_header Connection ""; {location} }} }} }}
""")
    return Server("nginx", port, [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-e", "stderr", "-p",
                                  str(workspace.path), "-c", str(path)], cpu, workspace.path / f"nginx{port}.out")


def haproxy(workspace, ports, policy="roundrobin", defaults="", server="", cpu=None):
    """`server`: options of each server of the backend."""
    port = free_port()
    path = workspace.path / f"haproxy{port}.cfg"
    # It wants two files for each connection, whatever its servers may have.
    most = min(16384, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200) // 2)
    servers = "\n".join(f"  server s{each} 127.0.0.1:{each} {server}" for each in ports)
    path.write_text(f"""global
  nbthread {_threads(cpu)}
  maxconn {most}
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 75s
  http-reuse always
{defaults}
frontend http
  bind 127.0.0.1:{port} backlog 4096
  default_backend origins
backend origins
  balance {policy}
{servers}
""")
    return Server("haproxy", port, [shutil.which("haproxy", path="/usr/sbin:/usr/bin"), "-f", str(path)], cpu,
                  workspace.path / f"haproxy{port}.out")


def _threads(cpu):
    return 2 if cpu is None else 1


def installed(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin") is not None


def wait_listening(server):
    """The server once it listens; NotStarted where it ends before, or takes too long."""
    until = time.monotonic() + 10
    while server.running() and time.monotonic() < until:
        try:
            asyncio.run(_knock(server.port))
            return server
        except OSError:
            time.sleep(0.01)
    said = server.diagnostics()
    server.stop()
    raise NotStarted(f"{server.name} does not listen: {said}")


async def _knock(port):
    _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


# --- figures

def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def tell(scene, folder, title, y_name, series, rows, bound=None, x_name="seconds", **more):
    """The scene's plot as a file, and its figures as a line of JSON."""
    plot.save(folder / f"{scene}.svg", title, x_name, y_name, series, bound)
    print(json.dumps({"scene": scene, "plot": str(folder / f"{scene}.svg"), **more, "results": rows}), flush=True)
