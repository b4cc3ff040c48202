"""The accepted URLs of Redis, and the messages for others.

Every part of a URL is checked, because the client library silently misreads some: a database that is no number becomes
0, `/1/2` becomes 12, and an unknown option fails only when the first connection is made.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import SecretStr

from resolvers.redis_servers import SENTINEL_CREDENTIALS, RedisForm, parse_address

_WANTED: Final = (
    "must be a URL such as redis://localhost:6379/0, or one with rediss:, unix:, redis+sentinel: or redis+cluster:"
)
_BAD_HOST: Final = f"{_WANTED}, with hosts, and ports from 1 to 65535"
_SCHEMES: Final = frozenset({"redis", "rediss", "unix"}) | {
    f"{scheme}{form.value}" for scheme in ("redis", "rediss") for form in RedisForm
}
_DATABASE: Final = re.compile(r"/?[0-9]{0,5}")
_SERVICE: Final = re.compile(r"/[A-Za-z0-9._-]+(/[0-9]{0,5})?")
_NO_DATABASE: Final = re.compile(r"/?0?")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")
_FILES: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_VALUES: Final = {
    "db": re.compile(r"[0-9]{1,5}"),
    # Redis takes no blanks in it (CLIENT SETNAME).
    "client_name": re.compile(r"[!-~]+"),
    "health_check_interval": re.compile(r"[0-9]{1,5}"),
    "ssl_check_hostname": re.compile(r"(?i)true|false|yes|no|1|0"),
    "ssl_cert_reqs": re.compile(r"none|optional|required"),
}
"""The accepted options of the client library; timeouts, pools and protocols are set by the gateway."""

_OF_FORM: Final[Mapping[RedisForm, Mapping[str, re.Pattern[str]]]] = {
    RedisForm.SINGLE: _VALUES,
    RedisForm.SENTINEL: {**_VALUES, **dict.fromkeys(SENTINEL_CREDENTIALS, re.compile(r".+"))},
    RedisForm.CLUSTER: {name: pattern for name, pattern in _VALUES.items() if name != "db"},
}


def redis_url(value: SecretStr) -> SecretStr:
    """Return the URL if every part of it is valid.

    Raises:
        ValueError: A part is invalid. The message contains no password.
    """
    url = value.get_secret_value()
    # `urlsplit` drops line breaks and tabs silently, and takes what follows # for a fragment.
    if _UNPRINTABLE.search(url) or "#" in url:
        raise ValueError(f"{_WANTED}; write # and blanks in a password as %23 and %20")
    if not url.isascii():
        raise ValueError(f"{_WANTED}; write what is not ASCII as %XX, and an international host as xn--...")
    form, parts = _split(url)
    for problem in (*_path_problems(form, parts), *_option_problems(form, parts)):
        raise ValueError(problem)
    return value


def _split(url: str) -> tuple[RedisForm, SplitResult]:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(_BAD_HOST) from None
    if parts.scheme not in _SCHEMES or not (parts.netloc.rpartition("@")[2] or parts.path.strip("/")):
        raise ValueError(_WANTED)
    try:
        form = parse_address(url).form
        # Those of several hosts are checked as they are read.
        port = parts.port if form is RedisForm.SINGLE else None
    except ValueError:
        raise ValueError(_BAD_HOST) from None
    if port == 0:
        raise ValueError(_BAD_HOST)
    return form, parts


def _path_problems(form: RedisForm, parts: SplitResult) -> Iterator[str]:
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            yield "must name a socket, such as unix:///run/redis.sock?db=0"
    elif form is RedisForm.SENTINEL:
        if not _SERVICE.fullmatch(parts.path):
            yield "must name the service after the sentinels, such as redis+sentinel://host1,host2,host3/mymaster/0"
    elif form is RedisForm.CLUSTER:
        if not _NO_DATABASE.fullmatch(parts.path):
            yield "must end with the hosts of a cluster, which has only the database 0"
    elif not parts.hostname:
        yield _WANTED
    elif not _DATABASE.fullmatch(parts.path):
        yield "must end in the number of a database, such as redis://localhost:6379/0, or in none"


def _option_problems(form: RedisForm, parts: SplitResult) -> Iterator[str]:
    values = _OF_FORM[form]
    # With blank ones: an option without a value is a mistake and not absent.
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name in _FILES:
            if not Path(text).is_file():
                yield f"names a file as {name} that is not there"
        elif name not in values:
            known = ", ".join(sorted({*values, *_FILES}))
            yield f"has an option after ? that is not known; there are {known}"
        elif not values[name].fullmatch(text):
            yield f"has a value that {name} cannot have"
