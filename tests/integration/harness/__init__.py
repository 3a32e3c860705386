"""What the black-box tests are written in: a gateway process, an origin that can misbehave, and a
client that sends exactly the bytes it is told to. Standard library only; ports are always 0; every
wait is bounded and says what was awaited."""

from .case import Case, rows
from .client import Client, ProtocolError, Response, Truncated, curl, curl_status
from .dns import NameServer
from .etcd import Etcd
from .gateway import Gateway, basic_config, weir
from .metrics import Metrics
from .origin import BlackHole, Origin, Refusing
from .tls import Authority, TlsClient, TlsOrigin, client_context, openssl, s_client
from .waiting import wait_until
from .zones import ZoneServer

__all__ = [
    "Authority", "BlackHole", "Case", "Client", "Etcd", "Gateway", "Metrics", "NameServer", "Origin", "ProtocolError", "Response",
    "TlsClient", "TlsOrigin", "Truncated", "basic_config", "client_context", "curl", "curl_status",
    "openssl", "s_client", "Refusing", "rows", "wait_until",
    "weir", "ZoneServer",
]
