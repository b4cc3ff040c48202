"""What a request of a change brought about, and the form in which it is kept under an idempotency key.

Kept are ids, not records: a repeat reads the records as they stand then, and the store holds no copy of them. All that
is kept is encrypted, because errors may quote what a person has entered.
"""

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec
from cryptography.fernet import Fernet

from resolvers import errors
from resolvers.errors import GatewayError, InputRefused, NotAllowedNow, RecordMissing, UpstreamError
from resolvers.idempotency.window import Window
from resolvers.upstreams.names import UpstreamName

Record_co = TypeVar("Record_co", covariant=True)

MAX_MESSAGE: Final = 1_000
"""Characters of an error's message that are kept, as many as are answered."""


class Made(msgspec.Struct, Generic[Record_co], frozen=True):
    """What one upstream request brought about. Lifetime: operation.

    Args:
        ids: The upstream's own ids of what was created or changed.
        records: The records as the upstream answered them; empty where they have to be read.
        errors: What was refused or is unclear beside that.
        named: Whether the upstream said which records it changed; if not, all may have been.
        message: What the upstream said, if that is the outcome.
    """

    ids: tuple[str, ...] = ()
    records: tuple[Record_co, ...] = ()
    errors: tuple[GatewayError, ...] = ()
    named: bool = True
    message: str | None = None


class Looked(Enum):
    """What a look at the upstream shows where it does not show what was made."""

    ABSENT = "absent"
    """It would be there if it had been made, once the upstream has had time for it."""
    UNSURE = "unsure"
    """Nothing that is there or not there would show it for certain."""


class Request(msgspec.Struct, Generic[Record_co], frozen=True):
    """One upstream request of a change. Lifetime: operation.

    Args:
        upstream: Whom it is sent to.
        noun: What it makes, such as `the delivery`.
        send: Sends it.
        find: Looks for what it made within a window of time; None if the upstream has nothing to look at.
        guarded: Whether the upstream itself refuses to do the same twice, so that it may be sent again as soon as
            nothing of it is found.
    """

    upstream: UpstreamName
    noun: str
    send: Callable[[], Awaitable[Made[Record_co]]]
    find: Callable[[Window], Awaitable[Made[Record_co] | Looked]] | None = None
    guarded: bool = False


class KeptError(msgspec.Struct, frozen=True, array_like=True):
    """An error of an upstream as it is kept.

    Args:
        kind: The name of its class.
        upstream: The name of the upstream.
        message: For the client.
        details: Its own attributes.
        also: Further errors of the same request.
    """

    kind: str
    upstream: str
    message: str
    details: dict[str, str | None] = {}
    also: tuple["KeptError", ...] = ()


class Sent(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """A request that is about to be sent, or was, and whose outcome is not known.

    Args:
        at: Seconds since 1970.
    """

    at: float


class Kept(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A known outcome: `Made` without its records, or the refusal of the whole request."""

    ids: tuple[str, ...] = ()
    errors: tuple[KeptError, ...] = ()
    named: bool = True
    message: str | None = None
    refusal: KeptError | None = None

    @classmethod
    def of(cls, made: Made[Any]) -> "Kept":
        """Return the form that is kept of an outcome."""
        return cls(made.ids, tuple(map(kept_error, made.errors)), made.named, made.message)

    def made(self) -> Made[Any]:
        """Return the outcome.

        Raises:
            UpstreamError: The upstream refused the request.
        """
        if self.refusal is not None:
            raise restored_error(self.refusal)
        return Made(self.ids, (), tuple(map(restored_error, self.errors)), self.named, self.message)


Parts: TypeAlias = dict[int, Sent | Kept]
"""The state of each upstream request of a change, by its number; one that is not there may be sent."""


def kept_error(error: GatewayError) -> KeptError:
    """Return the form that is kept of an error; what names no upstream is never kept."""
    assert isinstance(error, UpstreamError)  # noqa: S101 - see above
    details: dict[str, str | None] = {}
    match error:
        case InputRefused():
            details["pointer"] = error.pointer
        case RecordMissing():
            details["record_id"] = error.record_id
        case NotAllowedNow():
            details["raw_status"] = error.raw_status
    also = error.also if isinstance(error, InputRefused) else ()
    name = type(error).__name__
    return KeptError(name, error.upstream.name, error.message[:MAX_MESSAGE], details, tuple(map(kept_error, also)))


def restored_error(kept: KeptError) -> UpstreamError:
    """Return an error as it was before it was kept."""
    kind: type[UpstreamError] = getattr(errors, kept.kind)
    upstream = next(one for one in UpstreamName.known() if one.name == kept.upstream)
    # Each class takes those that were kept of it.
    details: dict[str, Any] = {**kept.details}
    error = kind(upstream, kept.message, **details)
    if isinstance(error, InputRefused):
        also = (restored_error(one) for one in kept.also)
        error.also = tuple(one for one in also if isinstance(one, InputRefused))
    return error


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Parts).decode


def sealed(parts: Mapping[int, Sent | Kept], seal: Fernet) -> bytes:
    """Return the states of all requests as they are kept; empty if there are none."""
    return seal.encrypt(_encode(parts)) if parts else b""


def opened(content: bytes, seal: Fernet) -> Parts:
    """Return the states that were kept."""
    return _decode(seal.decrypt(content)) if content else {}
