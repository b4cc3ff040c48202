"""What a Redis URL may say: all of it is checked, for the client library passes over parts that it does not understand.

An option that the library does not know fails when the first connection is made, a database that is no number is taken
for 0, and `/1/2` for 12.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import SecretStr

_WANTED: Final = "must be a URL such as redis://localhost:6379/0, or one with rediss: or unix:"
_DATABASE: Final = re.compile(r"/?[0-9]{0,5}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")
_FILES: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_VALUES: Final = {
    "db": re.compile(r"[0-9]{1,5}"),
    "client_name": re.compile(r"[!-~]+"),
    "health_check_interval": re.compile(r"[0-9]{1,5}"),
    "ssl_check_hostname": re.compile(r"(?i)true|false|yes|no|1|0"),
    "ssl_cert_reqs": re.compile(r"none|optional|required"),
}
"""Options of the library that make sense here: timeouts, pools and protocols are the gateway's own."""


def redis_url(value: SecretStr) -> SecretStr:
    """Return the URL if every part of it means something.

    Raises:
        ValueError: it does not; the message repeats no password.
    """
    url = value.get_secret_value()
    if _UNPRINTABLE.search(url) or "#" in url:
        raise ValueError(f"{_WANTED}; write # and blanks in a password as %23 and %20")
    if not url.isascii():
        raise ValueError(f"{_WANTED}; write what is not ASCII as %XX, and an international host as xn--...")
    parts = _split(url)
    for problem in (*_address_problems(parts), *_option_problems(parts)):
        raise ValueError(problem)
    return value


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"{_WANTED}, with a port from 1 to 65535") from None
    if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.path.strip("/")):
        raise ValueError(_WANTED)
    if port == 0:
        raise ValueError(f"{_WANTED}, with a port from 1 to 65535")
    return parts


def _address_problems(parts: SplitResult) -> Iterator[str]:
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            yield "must name a socket, such as unix:///run/redis.sock?db=0"
        return
    if not parts.hostname:
        yield _WANTED
    if not _DATABASE.fullmatch(parts.path):
        yield "must end in the number of a database, such as redis://localhost:6379/0, or in none"


def _option_problems(parts: SplitResult) -> Iterator[str]:
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name in _FILES:
            if not Path(text).is_file():
                yield f"names a file as {name} that is not there"
        elif name not in _VALUES:
            known = ", ".join(sorted({*_VALUES, *_FILES}))
            yield f"has an option after ? that is not known; there are {known}"
        elif not _VALUES[name].fullmatch(text):
            yield f"has a value that {name} cannot have"
