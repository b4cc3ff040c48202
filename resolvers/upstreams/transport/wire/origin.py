"""Where a call goes: the part of its URL that a connection belongs to."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_PLAIN: Final = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEME_LENGTH: Final = len("https://")


@dataclass(frozen=True, slots=True)
class Origin:
    """A server that is reached without anything in between; process lifetime.

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


def split(url: str) -> tuple[str, str]:
    """An absolute URL in two: scheme and authority, then path and query."""
    end = url.find("/", _SCHEME_LENGTH)
    return (url, "/") if end < 0 else (url[:end], url[end:])


def direct_origin(scheme_and_authority: str) -> Origin | None:
    """The origin that a URL names; None where a proxy stands before it, or it takes more to understand it.

    Proxies come from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`. A server on this machine's loopback is
    never asked through one, whatever they say: a proxy's own loopback is another machine's.
    """
    if not _PLAIN.fullmatch(scheme_and_authority):
        return None
    parts = urlsplit(scheme_and_authority)
    try:
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None
    if parts.hostname is None or _has_proxy(parts.scheme, parts.netloc, parts.hostname):
        return None
    return Origin(parts.hostname, port, parts.netloc, parts.scheme == "https")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address, in brackets or not, is that of the machine itself."""
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _has_proxy(scheme: str, authority: str, host: str) -> bool:
    if is_loopback(host):
        return False
    proxies = getproxies()
    if scheme not in proxies and "all" not in proxies:
        return False
    return not proxy_bypass(authority)
