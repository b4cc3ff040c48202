"""Types of setting values: the accepted values, and the messages for others."""

import hashlib
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, SecretStr

from gateway.http.cross_site import listed_origin
from gateway.settings.redis_addresses import redis_url
from resolvers.upstreams.transport.wire.client_tls import FileAsRead

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")
_SHA256_OF_NOTHING = hashlib.sha256(b"").hexdigest()
# The unreserved characters (RFC 3986, 2.3): nothing on the way has a reason to encode them.
_PATH_SAFE = re.compile(r"[A-Za-z0-9._~-]+")
_SCOPE = re.compile(r"(deliveries|sms|logistics):(read|write)")
# A token (RFC 9110, 5.6.2).
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
# HKDF, which derives from them, makes short keys no harder to guess (RFC 5869, 4).
_SECRET_KEY_LENGTH = 32


class SettingsGroup(BaseModel):
    """Base of all groups of settings: frozen, and unknown names are refused."""

    # Inputs are hidden, because a value in the wrong place may be a secret.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


def _split_commas(value: object) -> object:
    """Split a comma-separated string; other values, such as a TOML list, are returned unchanged."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _split_url(value: str, wanted: str) -> SplitResult:
    if not value.isascii():
        raise ValueError("must be a URL of ASCII characters: an international host as xn--..., the rest as %XX")
    try:
        parts = urlsplit(value)
        # `urlsplit` takes 0, to which nothing can connect.
        port_is_a_number = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError(wanted) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_a_number:
        raise ValueError(wanted)
    return parts


def _absolute_url(value: str) -> str:
    parts = _split_url(value, "must be an absolute URL such as https://api.example.com/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user and password: credentials have settings of their own")
    if parts.query or parts.fragment or _CONTROL_CHARACTER.search(value) or " " in value:
        raise ValueError("must be a URL without ?, # and spaces, such as https://api.example.com/v1")
    return value.rstrip("/")


def _origin(value: str) -> str:
    if value == "*":
        raise ValueError("must name each origin: * would let every site ask with its visitor's session")
    listed_origin(value)
    # As browsers write it.
    return value.rstrip("/").lower()


def _header_name(value: str) -> str:
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(f"must hold names of headers such as x-request-id, not {value!r}")
    return value.lower()


def _network(value: object) -> IPv4Network | IPv6Network:
    # Not strict, because operators also name a network by an address in it.
    try:
        return ip_network(str(value), strict=False)
    except ValueError:
        raise ValueError(f"must hold addresses or networks such as 10.0.0.0/8, not {value!r}") from None


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank; leave it out where it is not wanted")
    return value


def _user_name(value: str) -> str:
    if ":" in value:
        raise ValueError("must hold no colon: HTTP Basic ends the name there")
    return value


def _secret(value: SecretStr) -> SecretStr:
    _not_blank(value.get_secret_value())
    # A line break would end the header that carries the secret.
    if _CONTROL_CHARACTER.search(value.get_secret_value()):
        raise ValueError("must hold no line breaks and no other control characters")
    return value


def _secret_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < _SECRET_KEY_LENGTH or " " in value.get_secret_value():
        raise ValueError(
            f"each key must have at least {_SECRET_KEY_LENGTH} characters and no spaces; make one with: "
            'python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )
    return value


def _path_segment(value: SecretStr) -> SecretStr:
    _not_blank(value.get_secret_value())
    if not _PATH_SAFE.fullmatch(value.get_secret_value()):
        raise ValueError("is a part of a path: use letters, digits and . _ ~ - alone")
    return value


def _sha256(value: str) -> str:
    if not _SHA256_HEX.fullmatch(value.lower()):
        raise ValueError("must be the SHA-256 of the key as 64 hex digits, not the key; see: printf %s KEY | sha256sum")
    if value.lower() == _SHA256_OF_NOTHING:
        raise ValueError("is the SHA-256 of nothing: the key was empty when it was made")
    return value.lower()


def _scope(value: str) -> str:
    if not _SCOPE.fullmatch(value):
        raise ValueError(f"{value!r} is no scope; there are deliveries, sms and logistics with :read or :write")
    return value


def _file_as_read(value: object) -> FileAsRead:
    if isinstance(value, FileAsRead):
        return value
    try:
        return FileAsRead(Path(str(value)))
    except FileNotFoundError:
        raise ValueError(f"there is no file {str(value)!r}") from None
    except OSError as error:
        raise ValueError(f"{str(value)!r} cannot be read: {error.strerror}") from None


def _existing_file(value: Path) -> Path:
    if not value.is_file():
        raise ValueError(f"there is no file {str(value)!r}")
    return value


PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PerSecond = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
AbsoluteUrl = Annotated[str, AfterValidator(_absolute_url)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
Text = Annotated[str, AfterValidator(_not_blank)]
UserName = Annotated[str, AfterValidator(_not_blank), AfterValidator(_user_name)]
RedisUrl = Annotated[SecretStr, AfterValidator(redis_url)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_path_segment)]
# Accounts have lower case, because the names of variables come in any.
Lowered = Annotated[str, AfterValidator(str.lower)]
Sha256 = Annotated[str, AfterValidator(_sha256)]
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
ReadFile = Annotated[InstanceOf[FileAsRead], BeforeValidator(_file_as_read)]

CommaList = BeforeValidator(_split_commas)
Texts = Annotated[tuple[str, ...], CommaList]
Urls = Annotated[tuple[AbsoluteUrl, ...], CommaList, Field(min_length=1)]
HeaderNames = Annotated[tuple[Annotated[str, AfterValidator(_header_name)], ...], CommaList]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], CommaList]
Networks = Annotated[tuple[Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)], ...], CommaList]
# The bound is for a given list: pydantic does not validate the default, which is empty.
SecretKeys = Annotated[tuple[Annotated[SecretStr, AfterValidator(_secret_key)], ...], CommaList, Field(min_length=1)]
Scopes = Annotated[tuple[Annotated[str, AfterValidator(_scope)], ...], CommaList]
