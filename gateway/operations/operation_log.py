"""Writes one log line for each operation that failed, was slow, or was sampled.

`gateway/operations/logged_operations.py` decides which. A line never holds variables or literals: the document is in it
by its hash, callers and accounts by their names for logs.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from random import random
from typing import Any, Final

import msgspec
from starlette.types import Scope

from gateway.auth.callers import Caller
from gateway.operations.diagnostics import OperationFacts
from gateway.operations.documents.documents import Documents
from gateway.operations.request import GraphQLRequest, Reply
from gateway.operations.trace import TRACE_PARENT, trace_of
from resolvers.errors import BadInput, GatewayError
from resolvers.identities import account_name
from resolvers.upstreams.call import CallTrace

LOGGER: Final = "gateway.operations"
"""The name of the logger of these lines."""

MAX_NAME_LENGTH: Final = 100
"""Characters of an operation's name that are logged, because clients choose it."""

MAX_CODES: Final = 10
"""Distinct error codes in one line."""

# Codes of what ends an operation without being a `GatewayError`.
INTERNAL: Final = "INTERNAL"
CANCELLED: Final = "CLIENT_LEFT"

_LOG: Final = logging.getLogger(LOGGER)


class _Extensions(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct):
    extensions: _Extensions | None = None


class _Errors(msgspec.Struct):
    """The part of a response that holds the codes of its errors."""

    errors: list[_Error] = []


_ERRORS: Final = msgspec.json.Decoder(_Errors)


class OperationLogConfig(msgspec.Struct, frozen=True):
    """Which operations are logged; process lifetime.

    Args:
        sample: Share of successful operations that are logged, from 0 to 1; failed ones are always logged.
        slow_seconds: Duration from which a successful operation is always logged.
        writes: Whether lines are written; if not, operations are only passed to `noted`.
    """

    sample: float = 0.0
    slow_seconds: float = 1.0
    writes: bool = True


NoteOperation = Callable[[Mapping[str, Any]], None]
"""Takes the fields of an operation's line, without waiting."""


class Ended(msgspec.Struct, eq=False):
    """An operation that has ended; a value.

    Args:
        request: The operation.
        scope: The request's ASGI scope.
        caller: The caller.
        facts: The facts that the steps have collected.
        traces: Its upstream calls, and the reads that the cache answered.
        reply: The response; None where an error was raised instead.
        code: The code of that error.
        seconds: Its duration.
        own_seconds: CPU time of its steps; None where it was not measured.
    """

    request: GraphQLRequest
    scope: Scope
    caller: Caller
    facts: OperationFacts
    traces: Sequence[CallTrace]
    reply: Reply | None
    code: str
    seconds: float
    own_seconds: float | None


class EndedSubscription(msgspec.Struct, eq=False):
    """A subscription that has ended; a value.

    Args:
        request: The operation, with its document.
        scope: The connection's ASGI scope.
        caller: The caller.
        seconds: Time that it was open.
        events: Number of responses that were sent.
        bytes: Total size of these responses.
        codes: The codes of the errors that ended it; empty where its client or the server ended it.
    """

    request: GraphQLRequest
    scope: Scope
    caller: Caller
    seconds: float
    events: int
    bytes: int
    codes: list[str]


class OperationLog:
    """Writes the lines of operations and subscriptions; process lifetime.

    Args:
        documents: Parsed documents, for the names and types of operations.
        config: Which operations are logged.
        clock: A monotonic clock, in seconds.
        chance: Returns a random number from 0 to 1, for the sample.
        noted: Called with the fields of each operation that failed or was slow; None if nothing wants them.
    """

    def __init__(
        self,
        documents: Documents,
        config: OperationLogConfig,
        *,
        clock: Callable[[], float] = time.perf_counter,
        chance: Callable[[], float] = random,
        noted: NoteOperation | None = None,
    ) -> None:
        self._documents = documents
        self._config = config
        self._chance = chance
        self._noted = noted
        self.clock = clock

    @property
    def samples(self) -> bool:
        """Whether to log the next operation whatever its outcome; random at each call."""
        return self._config.sample > 0 and self._chance() < self._config.sample

    def is_slow(self, seconds: float) -> bool:
        """Return whether an operation of this duration is logged for being slow."""
        return seconds >= self._config.slow_seconds

    def ended(self, operation: "Ended") -> None:
        """Write the line of an operation."""
        one = operation
        fields = {
            **self._identified(one.request, one.facts, one.scope, one.caller),
            **outcome_fields(one.reply, one.code),
            **_durations(one.seconds, one.own_seconds),
            **_costs(one.facts, one.traces),
            **_ids(one.request, one.scope),
        }
        # The others that are sampled are for the log only.
        if self._noted is not None and (fields["outcome"] != "success" or self.is_slow(one.seconds)):
            self._noted(fields)
        self._log(fields)

    def subscription_ended(self, subscription: "EndedSubscription") -> None:
        """Write the line of a subscription that failed or is sampled."""
        # Its duration counts for nothing, because a subscription is meant to stay open.
        one = subscription
        if one.codes or self.samples:
            fields = {
                **self._identified(one.request, OperationFacts(), one.scope, one.caller),
                "outcome": "refused" if one.codes else "success",
                "codes": one.codes or None,
                "milliseconds": round(one.seconds * 1000, 3),
                "events": one.events,
                "bytes": one.bytes,
            }
            self._log({**fields, **_ids(one.request, one.scope)})

    def _identified(
        self, request: GraphQLRequest, facts: OperationFacts, scope: Scope, caller: Caller
    ) -> dict[str, Any]:
        query = request.query or facts.query
        return {
            **operation_fields(self._documents, query, request.operation_name),
            # `surrogatepass`, because a document may hold half of a surrogate pair, which UTF-8 cannot encode.
            "document": sha256(query.encode(errors="surrogatepass")).hexdigest() if query else request.document_id,
            "caller": caller.name,
            "account": account_name(caller.account.identity),
            # A WebSocket has no method.
            "transport": scope.get("method") or scope.get("type"),
        }

    def _log(self, fields: Mapping[str, Any]) -> None:
        if not self._config.writes:
            return
        level = logging.INFO if fields["outcome"] == "success" else logging.WARNING
        _LOG.log(level, "operation", extra={name: value for name, value in fields.items() if value is not None})


def operation_fields(documents: Documents, query: str | None, name: str | None) -> dict[str, str | None]:
    """Return an operation's name and type; None for both where the document is missing or invalid."""
    document = documents.get(query) if query else None
    if document is None or document.errors:
        return {"operation": None, "type": None}
    try:
        operation = document.operation(name)
    except BadInput:
        return {"operation": None, "type": None}
    # The name in the document, which a request with one operation need not repeat.
    name = operation.name.value[:MAX_NAME_LENGTH] if operation.name else None
    return {"operation": name, "type": operation.operation.value}


def code_of(error: BaseException) -> str:
    """Return the code of an error that ended an operation."""
    if isinstance(error, GatewayError):
        return error.code
    return INTERNAL if isinstance(error, Exception) else CANCELLED


def outcome_fields(reply: Reply | None, code: str) -> dict[str, Any]:
    """Return the fields about the outcome of an operation.

    Args:
        reply: The response; None where an error was raised instead.
        code: The code of that error.
    """
    if reply is None:
        return {"outcome": "refused" if code not in {INTERNAL, CANCELLED} else "failed", "codes": [code]}
    # The body is decoded only below, where there are errors.
    if not reply.has_errors and reply.executed:
        return {"outcome": "success", "status": reply.status, "bytes": len(reply.body)}
    outcome = "partial" if reply.executed else "refused"
    return {"outcome": outcome, "status": reply.status, "codes": codes_in(reply.body), "bytes": len(reply.body)}


def codes_in(body: bytes) -> list[str]:
    """Return the distinct codes of the errors in a response."""
    # Decoded from the bytes, because a reply has nothing else; the decoder skips the data.
    errors = _ERRORS.decode(body).errors
    codes = dict.fromkeys(error.extensions.code for error in errors if error.extensions is not None)
    return list(codes)[:MAX_CODES]


def _durations(seconds: float, own_seconds: float | None) -> dict[str, Any]:
    durations = {"milliseconds": round(seconds * 1000, 3)}
    if own_seconds is not None:
        # Not below zero, because both durations are measured by calls of their own to the clock.
        durations["waiting_milliseconds"] = round(max(0.0, seconds - own_seconds) * 1000, 3)
        durations["cpu_milliseconds"] = round(own_seconds * 1000, 3)
    return durations


def _costs(facts: OperationFacts, traces: Sequence[CallTrace]) -> dict[str, Any]:
    """Return the fields about the cost: calls by upstream, and reads by how the cache answered them."""
    # Everything but a miss was answered without a call of this operation.
    calls = Counter(trace.upstream.name for trace in traces if trace.cache == "miss")
    cache = Counter(trace.cache for trace in traces if trace.cache != "miss")
    return {
        "estimate": facts.estimate,
        "calls": dict(calls),
        "cache": dict(cache),
        "executed": facts.context is not None,
        "stale": facts.context.stale_reads if facts.context is not None else 0,
    }


def _ids(request: GraphQLRequest, scope: Scope) -> dict[str, Any]:
    """Return the ids of the request and of its trace (W3C Trace Context)."""
    trace = trace_of(scope)
    if trace is not None:
        return {"request_id": request.request_id, "trace_id": trace.trace_id}
    parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    found = TRACE_PARENT.fullmatch(parent)
    return {"request_id": request.request_id, "trace_id": found[1].decode() if found else None}
