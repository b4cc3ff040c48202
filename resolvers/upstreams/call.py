"""What goes to an upstream and what comes back, and the one interface between a client and the wire."""

from collections.abc import Awaitable, Mapping
from typing import Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec

from resolvers.upstreams.names import UpstreamName

Method = Literal["GET", "POST", "PATCH"]
"""No other method exists for us: the send-tasks API refuses every DELETE, the others document none."""

HeaderField = Literal[
    "content-encoding",
    "content-length",
    "date",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "transfer-encoding",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
]
"""The header fields of answers that somebody here reads: our wire keeps no others, as most of them never are."""

Headers: TypeAlias = Mapping[HeaderField, str]
"""By name in lower case."""

CacheOutcome = Literal["hit", "stale", "miss", "shared"]


class CallTrace(msgspec.Struct, gc=False):
    """What one upstream call was and did, for `X-Gateway-Explain`; operation lifetime.

    Args:
        upstream: Where it went, or would have gone.
        method: GET, POST or PATCH.
        target: The URL, or only its path; no secret, since clients give a `shown_path` where there is one.
        status: Of the answer; None without one.
        milliseconds: What it took in all.
        cache: Whether it was made, and if not, why.
        tries: How often it was sent.
    """

    upstream: UpstreamName
    method: str
    target: str
    status: int | None
    milliseconds: float
    cache: CacheOutcome
    tries: int

    @property
    def path(self) -> str:
        """The path and query of the target; parsed when shown, because most traces are only counted."""
        parts = urlsplit(self.target)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


class CallScope(msgspec.Struct, eq=False):
    """What one operation lends to the calls made for it; operation lifetime.

    Args:
        deadline: The event loop's clock, in seconds, at which the operation must be answered.
        traces: Where to note each call; None where nobody asked for it.
        turn_by: The same clock, by which a call must have got its turn: a shared call may go on longer than the
            operation that began it, but that one is told in time that the upstream wants no calls.
    """

    deadline: float
    traces: list[CallTrace] | None = None
    turn_by: float = float("inf")


class Call(msgspec.Struct, eq=False):
    """One request to an upstream; lives until it is answered, over all its tries.

    Args:
        upstream: Which of the three.
        operation: The vendor's operation in our words, such as `task_detail`; for messages, metrics and plans.
        method: GET, POST or PATCH.
        url: Absolute, path and query already percent-encoded.
        deadline: The event loop's clock, in seconds.
        headers: Without credentials: those are `authorization`.
        body: The encoded body.
        repeatable: It may be sent twice (every GET; no POST but a token call).
        shown_path: What traces and logs show instead of the url's path, where that holds a secret.
        traces: Where to note the call once it is over.
        identity: Whose credentials it carries; whatever is counted or kept per account is keyed by it.
        authorization: The value of that header, set by the authorizing transport.
        timeout: Seconds that one try may take, set by the policies.
        tries: How often it went to the wire so far.
        turn_by: As in the scope.
        held_back: Seconds for which pacing holds calls back since the last answer refused this one; None if it does
            not.
    """

    upstream: UpstreamName
    operation: str
    method: Method
    url: str
    deadline: float
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    repeatable: bool = True
    shown_path: str | None = None
    traces: list[CallTrace] | None = None
    identity: str = ""
    authorization: str | None = None
    timeout: float = 5.0
    tries: int = 0
    turn_by: float = float("inf")
    held_back: float | None = None

    @property
    def may_wait_until(self) -> float:
        """The event loop's clock, in seconds, up to which it may be held back before a try."""
        return min(self.deadline, self.turn_by)

    def __repr__(self) -> str:
        """Neither credentials nor a path that holds some."""
        return f"<Call {self.upstream.name} {self.operation}>"


class Answer(msgspec.Struct, frozen=True, eq=False):
    """An upstream's whole answer, whatever its status; lives until it is decoded.

    Args:
        status: The HTTP status.
        headers: Those that are kept.
        body: Already decompressed, and bounded in size by the wire.
    """

    status: int
    headers: Headers
    body: bytes


class Transport(Protocol):
    """Something that gets a call answered: the wire itself, or a policy wrapped around another transport."""

    def send(self, call: Call) -> Awaitable[Answer]:
        """Get the call answered; raises at once or when awaited.

        Raises:
            UpstreamError: there is no answer. An answer with any status, 500 included, is no error here.
        """
        ...
