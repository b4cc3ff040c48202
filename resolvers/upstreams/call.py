"""A call to an upstream, its answer, and the interface of the transports that lie between a client and the wire."""

from asyncio import Future
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import urlsplit

import msgspec

from resolvers.upstreams.names import UpstreamName
from resolvers.upstreams.purposes import purpose_of

Method = Literal["GET", "POST", "PATCH"]
"""The methods in use: the send-tasks API refuses every DELETE, and the others document none."""

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
"""The header fields of answers that are read here; our wire keeps no others, because keeping all would cost time."""

Headers: TypeAlias = Mapping[HeaderField, str]
"""The kept header fields of an answer, by name in lower case."""

CacheOutcome = Literal["hit", "stale", "miss", "shared"]
"""Answered by the cache while fresh, or after that; by a call; or by a call that another operation has begun."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A moment in a call at which something began; what began before has ended. A value.

    Args:
        phase: What began: `pacing`, the wait for a turn below the rate limit; `queue`, the wait for a free slot; `try`,
            with its `connect` where a connection is opened and `wire` once it is there; `pause`, before a retry.
            `lease` is the wait for the call of another process, which makes a call of its own unnecessary.
        at: When, in seconds of the event loop's clock.
        status: The answer's status, where a try ended with one.
    """

    phase: Literal["pacing", "queue", "try", "connect", "wire", "pause", "lease"]
    at: float
    status: int | None = None


class CallTrace(msgspec.Struct, gc=False):
    """What `X-Gateway-Explain` shows of one upstream call. Lifetime: operation.

    Args:
        upstream: The one that it went to, or would have gone to.
        method: GET, POST or PATCH.
        target: The URL, or only its path; without secrets: a client sets `shown_path` if the path holds one.
        status: The answer's HTTP status; None without an answer.
        milliseconds: How long it took, over all tries.
        cache: Whether the call was made (`miss`), and if not, what answered instead.
        tries: How often it was sent.
        operation: Our name for the vendor's operation, or for the kind of the record that the cache had.
        began: When, in seconds of the event loop's clock.
        marks: What it waited for, in the order of time.
        records: How many records it was to fetch by their ids.
    """

    upstream: UpstreamName
    method: str
    target: str
    status: int | None
    milliseconds: float
    cache: CacheOutcome
    tries: int
    operation: str = ""
    began: float = 0.0
    marks: Sequence[Mark] = ()
    records: int = 1

    @property
    def path(self) -> str:
        """The path and query of the target."""
        # Parsed here and not for each call, because most traces are only counted.
        parts = urlsplit(self.target)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


class CallSpan(Protocol):
    """Records one call in a distributed trace. Lifetime: call."""

    def end(self, call: "Call", outcome: int | str) -> None:
        """Record how the call ended.

        Args:
            call: The call, with its marks.
            outcome: The answer's status, an error's code, or CANCELLED.
        """
        ...


class CallRecorder(Protocol):
    """Records what an operation waits for, for a distributed trace or for its client. Lifetime: operation."""

    def begin(self, call: "Call") -> CallSpan | None:
        """Begin to record a call, and name it as the parent in the header fields of `call.propagated`.

        Returns:
            Records the call; None if it is in no trace.
        """
        ...

    def waits(self, place: Any, key: str | int, value: "Future[Any]") -> None:  # noqa: ANN401 - a part of a response
        """Record that a part of the response waits for a value.

        Args:
            place: The object or list of the response.
            key: The response name in the object, or the index in the list.
            value: What is waited for.
        """
        ...


class CallContext(msgspec.Struct, eq=False):
    """What an operation's calls carry of its request, for traces and for upstreams. Lifetime: operation.

    Args:
        recorder: Records the calls; None where the operation is neither explained nor part of a trace that is kept.
        headers: The header fields that upstreams get which are to have them: the request's id, and its trace.
    """

    recorder: CallRecorder | None = None
    headers: tuple[tuple[str, str], ...] = ()


class CallScope(msgspec.Struct, eq=False):
    """The deadline and the traces that an operation gives to its calls. Lifetime: operation.

    Args:
        deadline: When the operation must be answered, in seconds of the event loop's clock.
        traces: The list to append each call to; None if calls are not traced.
        turn_by: When a call must have got its turn to be sent, by the same clock. It is earlier than `deadline` for a
            shared call, which may go on longer than the operation that began it: that operation must learn in time
            that the upstream takes no calls.
        context: What the calls carry of the operation's request; None for nothing.
    """

    deadline: float
    traces: list[CallTrace] | None = None
    turn_by: float = float("inf")
    context: CallContext | None = None


class Call(msgspec.Struct, eq=False):
    """One request to an upstream, over all its tries. Lifetime: call.

    Args:
        upstream: The one to call.
        operation: Our name for the vendor's operation, such as `task_detail`; for metrics and estimates.
        method: GET, POST or PATCH.
        url: Absolute, path and query already percent-encoded.
        deadline: When it must be answered, in seconds of the event loop's clock.
        headers: All but the credentials, which are `authorization`.
        body: The encoded body.
        repeatable: Whether it may be sent twice: every GET, and of the POSTs the login and the price.
        shown_path: The path that traces and logs show, if the URL's own holds a secret.
        traces: The list to append the call to once it is over.
        identity: The name of the credentials that it carries, by which limits and caches of an account are kept.
        authorization: The value of that header, set by the authorizing transport.
        timeout: Seconds that one try may take, set by the policies.
        spent: Seconds of that which this try has spent already, before the call could be sent.
        tries: How often it was sent so far.
        turn_by: When it must have got its turn, as in the scope.
        held_back: Seconds for which pacing holds calls back since an answer refused this one; None if it does not.
        context: What it carries of the operation's request, as in the scope.
        propagated: The header fields of that for an upstream which is to have them.
        marks: What it waited for so far; None if nobody wants to know.
        records: How many records it is to fetch by their ids.
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
    # Apart from `headers`, so that a renewed token can replace it before the call is sent once more.
    authorization: str | None = None
    timeout: float = 5.0
    spent: float = 0.0
    tries: int = 0
    turn_by: float = float("inf")
    held_back: float | None = None
    context: CallContext | None = None
    propagated: tuple[tuple[str, str], ...] = ()
    # None for most calls, so that policies make no marks which nobody reads.
    marks: list[Mark] | None = None
    records: int = 1

    @property
    def may_wait_until(self) -> float:
        """Until when a try may be held back, in seconds of the event loop's clock."""
        return min(self.deadline, self.turn_by)

    @property
    def purpose(self) -> str:
        """What the upstream is asked to do, in the words of messages for clients."""
        return purpose_of(self.upstream.name, self.operation)

    def __repr__(self) -> str:
        """Name the operation only: the headers hold credentials, and the path may."""
        return f"<Call {self.upstream.name} {self.operation}>"


class Answer(msgspec.Struct, frozen=True, eq=False):
    """An upstream's complete answer, of any status. Lifetime: until it is decoded.

    Args:
        status: The HTTP status.
        headers: The kept header fields.
        body: The decompressed body, whose size the wire has bounded.
    """

    status: int
    headers: Headers
    body: bytes


class Transport(Protocol):
    """Sends calls: the wire itself, or a policy around another transport."""

    def send(self, call: Call) -> Awaitable[Answer]:
        """Send the call and return its answer, of any status. Raises at once or when awaited.

        Raises:
            UpstreamError: there is no answer.
        """
        ...
