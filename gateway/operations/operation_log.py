"""One line in the log for each operation that failed, was slow, or was sampled.

`gateway/operations/logged_operations.py` decides which. A line holds no variables and no literals of the document,
which stands in it by its hash; callers and accounts stand in it by the names that are made for logs.
"""

import logging
import re
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
from resolvers.errors import BadInput
from resolvers.upstreams.call import CallTrace

LOGGER: Final = "gateway.operations"
"""The name of the logger of these lines."""

MAX_NAME_LENGTH: Final = 100
"""Characters of an operation's name that are logged: clients choose it."""

MAX_CODES: Final = 10
"""Different codes of errors in one line."""

INTERNAL: Final = "INTERNAL"
CANCELLED: Final = "CLIENT_LEFT"

_LOG: Final = logging.getLogger(LOGGER)
_TRACE_PARENT: Final = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


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
        sample: The share of the successful ones, from 0 to 1; those that failed always are.
        slow_seconds: From which duration on a successful one always is.
    """

    sample: float = 0.0
    slow_seconds: float = 1.0


class Ended(msgspec.Struct, eq=False):
    """An operation that has ended; a value.

    Args:
        request: The operation.
        scope: The request's ASGI scope.
        caller: The caller.
        facts: What the steps have learnt of it.
        traces: Its upstream calls, and what came from the cache.
        reply: The response; None where an error was raised instead.
        code: Of that error.
        seconds: How long it took.
        own_seconds: CPU time of its own steps; None where it was not measured.
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
        seconds: How long it was open.
        events: Number of responses that were sent.
        bytes: Their size.
        codes: Of the errors that ended it; empty where its client or the server did.
    """

    request: GraphQLRequest
    scope: Scope
    caller: Caller
    seconds: float
    events: int
    bytes: int
    codes: list[str]


class OperationLog:
    """Writes the lines; process lifetime.

    Args:
        documents: Knows the names and types of operations.
        config: Which of them have a line.
        clock: Seconds that only go forward.
        chance: Returns a number from 0 to 1, for the sample.
    """

    def __init__(
        self,
        documents: Documents,
        config: OperationLogConfig,
        *,
        clock: Callable[[], float] = time.perf_counter,
        chance: Callable[[], float] = random,
    ) -> None:
        self._documents = documents
        self._config = config
        self._chance = chance
        self.clock = clock

    @property
    def samples(self) -> bool:
        """Whether the next operation has a line whatever it comes to."""
        return self._config.sample > 0 and self._chance() < self._config.sample

    def is_slow(self, seconds: float) -> bool:
        """Return whether an operation that took so long has a line."""
        return seconds >= self._config.slow_seconds

    def ended(self, operation: "Ended") -> None:
        """Write the line of an operation."""
        one = operation
        fields = {
            **self._identified(one.request, one.facts, one.scope, one.caller),
            **_outcome(one.reply, one.code),
            **_durations(one.seconds, one.own_seconds),
            **_costs(one.facts, one.traces),
            **_ids(one.request, one.scope),
        }
        self._log(fields)

    def subscription_ended(self, subscription: "EndedSubscription") -> None:
        """Write the line of a subscription, if it is to have one; how long it was open says nothing.

        Args:
            subscription: What it was, and what was sent.
        """
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
            **self._named(query, request.operation_name),
            "document": sha256(query.encode(errors="surrogatepass")).hexdigest() if query else request.document_id,
            "caller": caller.name,
            "account": caller.account.identity,
            "transport": scope.get("method") or scope.get("type"),
        }

    def _named(self, query: str | None, name: str | None) -> dict[str, Any]:
        """Return the operation's name and type, as far as the document is valid."""
        document = self._documents.get(query) if query else None
        if document is None or document.errors:
            return {"operation": None, "type": None}
        try:
            operation = document.operation(name)
        except BadInput:
            return {"operation": None, "type": None}
        name = operation.name.value[:MAX_NAME_LENGTH] if operation.name else None
        return {"operation": name, "type": operation.operation.value}

    def _log(self, fields: Mapping[str, Any]) -> None:
        level = logging.INFO if fields["outcome"] == "success" else logging.WARNING
        _LOG.log(level, "operation", extra={name: value for name, value in fields.items() if value is not None})


def _outcome(reply: Reply | None, code: str) -> dict[str, Any]:
    """Return what the operation came to.

    Args:
        reply: The response; None where an error was raised instead.
        code: Of that error.
    """
    if reply is None:
        return {"outcome": "refused" if code not in {INTERNAL, CANCELLED} else "failed", "codes": [code]}
    if not reply.has_errors and reply.executed:
        return {"outcome": "success", "status": reply.status, "bytes": len(reply.body)}
    outcome = "partial" if reply.executed else "refused"
    return {"outcome": outcome, "status": reply.status, "codes": codes_in(reply.body), "bytes": len(reply.body)}


def codes_in(body: bytes) -> list[str]:
    """Return the different codes of the errors in a response."""
    errors = _ERRORS.decode(body).errors
    codes = dict.fromkeys(error.extensions.code for error in errors if error.extensions is not None)
    return list(codes)[:MAX_CODES]


def _durations(seconds: float, own_seconds: float | None) -> dict[str, Any]:
    durations = {"milliseconds": round(seconds * 1000, 3)}
    if own_seconds is not None:
        durations["waiting_milliseconds"] = round(max(0.0, seconds - own_seconds) * 1000, 3)
        durations["cpu_milliseconds"] = round(own_seconds * 1000, 3)
    return durations


def _costs(facts: OperationFacts, traces: Sequence[CallTrace]) -> dict[str, Any]:
    """Return what the operation cost: calls by upstream, and reads by how the cache answered them."""
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
    """Return the request's id, and that of the trace that it belongs to (W3C Trace Context)."""
    parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    found = _TRACE_PARENT.fullmatch(parent)
    return {"request_id": request.request_id, "trace_id": found[1].decode() if found else None}
