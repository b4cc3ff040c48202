"""Where a call goes: the part of its URL that a connection belongs to."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_PLAIN: Final = re.compile(r"(?i:https?)://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_SCHEME_LENGTH: Final = len("https://")


@dataclass(frozen=True, slots=True)
class Origin:
    """A server as a URL names it; process lifetime.

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
        """Of its URLs."""
        return "https" if self.encrypted else "http"


def split(url: str) -> tuple[str, str]:
    """An absolute URL in two: scheme and authority, then path and query."""
    end = url.find("/", _SCHEME_LENGTH)
    return (url, "/") if end < 0 else (url[:end], url[end:])


def origin_of(scheme_and_authority: str) -> Origin | None:
    """The origin that a URL names; None where it has a user, an international host or another scheme than HTTP's."""
    if not _PLAIN.fullmatch(scheme_and_authority):
        return None
    parts = urlsplit(scheme_and_authority)
    try:
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None
    return None if parts.hostname is None else Origin(parts.hostname, port, parts.netloc, parts.scheme == "https")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address, in brackets or not, is that of the machine itself."""
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
