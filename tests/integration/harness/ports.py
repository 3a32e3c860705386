"""A port for a server that must be told its number (dnsmasq, nghttpd, an example of the docs)."""

import contextlib
import random
import socket

EPHEMERAL = "/proc/sys/net/ipv4/ip_local_port_range"


def free_port(host="127.0.0.1"):
    """A port of `host` that nothing holds, over TCP and UDP. It lies below the ports that the kernel gives to
    `connect` and to `bind` with port 0, so no other test's socket takes it between this look and its use."""
    with open(EPHEMERAL) as file:
        first = int(file.read().split()[0])
    for _ in range(1000):
        port = random.randrange(min(10000, first // 2), first)
        with contextlib.suppress(OSError), socket.socket() as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind((host, port))
            udp.bind((host, port))
            return port
    raise AssertionError(f"no free port of {host} below {first}")
