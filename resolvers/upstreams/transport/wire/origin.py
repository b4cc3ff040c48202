"""Where a call goes: the origin of its URL, and the proxy that the environment names for that origin.

An `http:` proxy opens a tunnel to an `https:` origin (RFC 9110, section 9.3.6), so that TLS reaches the origin itself.
A request to an `http:` origin is sent to the proxy with an absolute URL (RFC 9112, section 3.2.2). Any other kind of
proxy is left to httpx.
"""

import asyncio
import re
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from resolvers.upstreams.transport.wire.failures import HeadTooLong, ProxyFailed, Unparsable, refusal
from resolvers.upstreams.transport.wire.parser import HEAD_END, START_LENGTH, HeadGatherer

# No user or password: what stands there would be sent as part of `Host`.
_PLAIN: Final = re.compile(r"(?i:https?)://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """A server as a URL names it. Lifetime: process.

    Args:
        host: Its name or address, without brackets.
        port: From the URL, or the scheme's own.
        authority: Host and port as the URL has them: the `Host` header.
        encrypted: Whether it speaks TLS.
    """

    host: str
    port: int
    authority: str
    encrypted: bool

    @property
    def scheme(self) -> str:
        """The scheme of its URLs."""
        return "https" if self.encrypted else "http"


def origin_of(scheme_and_authority: str) -> Origin | None:
    """Return the origin that a URL names; None with a user, a host beyond ASCII or a scheme other than HTTP's."""
    if not _PLAIN.fullmatch(scheme_and_authority):
        return None
    parts = urlsplit(scheme_and_authority)
    try:
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None
    return None if parts.hostname is None else Origin(parts.hostname, port, parts.netloc, parts.scheme == "https")


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address, in brackets or not, is that of the machine itself."""
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


_READ_BYTES: Final = 16 * 1024
_DEFAULT_PORT: Final = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that speaks HTTP/1.1 without TLS. Lifetime: process.

    Args:
        host: Its name or address, without brackets.
        port: Where it listens.
        authorization: The value of `Proxy-Authorization`.
    """

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)


def proxy_url(origin: Origin) -> str | None:
    """Return the URL of the proxy before an origin, from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.

    None where there is none.
    """
    # Never for this machine's loopback, whatever the environment says: a proxy's own loopback is another machine's.
    if is_loopback(origin.host):
        return None
    proxies = getproxies()
    url = proxies.get(origin.scheme) or proxies.get("all")
    if not url or proxy_bypass(origin.authority) or _is_in(proxies.get("no", ""), origin.host):
        return None
    return url if "://" in url else f"http://{url}"


def http_proxy(url: str) -> Proxy | None:
    """Return the proxy that a URL names; None where it is of another kind, or the URL is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORT
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.hostname:
        return None
    if parts.username is None:
        return Proxy(parts.hostname, port)
    # Percent-encoded in the URL, but not in the header.
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(parts.hostname, port, f"Basic {b64encode(credentials.encode()).decode()}")


async def open_tunnel(connected: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Make a proxy connect to an origin, so that everything sent after that reaches the origin (`CONNECT`).

    Args:
        connected: A connection to the proxy.
        origin: The origin to connect to.
        proxy: The proxy, with its credentials.

    Raises:
        ProxyFailed: the proxy refused, or does not speak HTTP/1.1.
        OSError: the connection broke.
    """
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connected, _connect_request(origin, proxy))
    gatherer, answer = HeadGatherer(), b""
    while not answer:
        data = await loop.sock_recv(connected, _READ_BYTES)
        if not data:
            raise ProxyFailed("its proxy closed the connection when asked to connect to it")
        try:
            answer = gatherer.add(data)
        except (Unparsable, HeadTooLong) as error:
            raise ProxyFailed("its proxy does not speak HTTP/1.1: check its URL in the environment") from error
    _check_tunnel(answer)


def _connect_request(origin: Origin, proxy: Proxy) -> bytes:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    # With the default port too, because `CONNECT` has none of its own (RFC 9110, section 9.3.6).
    authority = f"{host}:{origin.port}"
    credentials = f"proxy-authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    return f"CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n{credentials}\r\n".encode()


def _check_tunnel(answer: bytes) -> None:
    """Raise ProxyFailed unless a tunnel begins, right after a head with a 2xx."""
    status = answer[len(b"HTTP/1.1 ") : START_LENGTH + 2].decode("latin-1")
    if not status.startswith("2"):
        raise ProxyFailed(refusal(status))
    # Nothing can come through the tunnel yet, because a TLS server waits for the client to begin.
    if answer.partition(HEAD_END)[2]:
        raise ProxyFailed("its proxy sent more than an answer when asked to connect to it")


def _is_in(excepted: str, host: str) -> bool:
    """Return whether a host is an address in one of the networks of `NO_PROXY`, such as 10.0.0.0/8."""
    # Done here because `proxy_bypass` knows names and whole addresses only.
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(_holds(part.strip(), address) for part in excepted.split(",") if "/" in part)


def _holds(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False
